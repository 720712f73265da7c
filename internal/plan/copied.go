package plan

import (
	"slices"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/platform"
)

// Static reports whether the files of all images are known without a build.
func (e *Extension) Static() bool {
	return !slices.ContainsFunc(e.Images, func(i Image) bool { return i.NeedsBuild() || platform.IsZero(i.Platform) })
}

// CopiesDir reports whether it suffices that a builder copies the directory of
// e once: no file depends on the builder, and no cache is one of its targets.
// Every builder can do that. For other extensions it has to export images, which
// a Docker Engine without the containerd image store does not support.
func (e *Extension) CopiesDir() bool {
	return e.Static() && len(e.CacheFrom)+len(e.CacheTo) == 0 &&
		!slices.ContainsFunc(e.Images, func(i Image) bool { return slices.ContainsFunc(i.Steps, copiesExcluded) })
}

// copiesExcluded reports whether a step copies sockets, which a builder copies
// as empty files, or a folder that contexts never contain.
func copiesExcluded(s content.Step) bool { return len(s.Sockets) > 0 || content.IsNever(s.Source) }
