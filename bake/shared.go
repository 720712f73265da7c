package bake

import (
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/plan"
)

// sharedTarget is a target with what all extensions of a file have in common. It
// begins with "_", so that buildx does not list it.
const sharedTarget = "_extpack"

// writeShared writes what all extensions have in common, if there are several.
func (w *fileWriter) writeShared() {
	if len(w.plan.Extensions) == 1 {
		return
	}
	w.Newline()
	writeAttest(w.Block("target", sharedTarget))
}

func writeAttest(b hcl.Body) { b.Strings("attest", []string{"type=provenance,disabled=true"}) }

// compression returns the compression of all extensions, or else the default.
func (w *fileWriter) compression() layer.Compression {
	first := w.plan.Extensions[0].Compression
	for _, e := range w.plan.Extensions {
		if e.Compression != first {
			return layer.Compression{}
		}
	}
	return first
}

// writeOutput writes the output. --push changes only the output that a target
// does not inherit.
func (w *fileWriter) writeOutput(b hcl.Body, e *plan.Extension) error {
	epoch := epochAttribute(e)
	if epoch == "" && e.Compression == w.compression() {
		return b.Expr("output", "output")
	}
	b.Strings("output", []string{imageOutput(e.Compression) + epoch})
	return nil
}

// epochAttribute returns the attribute of an output that sets the time of files
// where no build argument does, or "".
func epochAttribute(e *plan.Extension) string {
	if isGitFolder(e) {
		return ",source-date-epoch=0"
	}
	return ""
}

// isGitFolder reports whether the context of e is a folder of a Git repository,
// with which BuildKit 0.33 fails if there is a build argument SOURCE_DATE_EPOCH.
func isGitFolder(e *plan.Extension) bool {
	_, fragment, _ := strings.Cut(e.Remote, "#")
	return strings.Contains(fragment, ":")
}

// imageOutput returns an output. Layers in the cache may have been compressed in
// another way.
func imageOutput(c layer.Compression) string {
	const output = "type=image,rewrite-timestamp=true,unpack=false"
	if c == (layer.Compression{}) {
		return output
	}
	return output + "," + c.Attributes() + ",force-compression=true,oci-mediatypes=true"
}
