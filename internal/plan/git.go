package plan

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/git"
)

// GitOptions are what is read from the Git repository of an extension.
type GitOptions struct {
	// Version replaces the version of the descriptor by that of the tag.
	Version bool
	// Origin adds the annotations of source and revision. OriginOfDescriptor
	// does so for descriptors that ask for it.
	Origin, OriginOfDescriptor bool
	// AllowDirty allows pushing a revision that differs from its commit.
	AllowDirty bool
}

// version returns the version of the extension in dir, or "" for that of the
// descriptor.
func (o Options) version(ctx context.Context, dir string) (string, error) {
	if !o.Git.Version {
		return o.Version, nil
	}
	tree, err := git.Open(ctx, dir)
	if err != nil {
		return "", err
	}
	return tree.Version(ctx, namesOf(dir), content.IsNever)
}

// namesOf returns the names by which tags refer to the extension in dir.
func namesOf(dir string) []string {
	var names []string
	if abs, err := filepath.Abs(dir); err == nil {
		names = append(names, filepath.Base(abs))
	}
	file := filepath.Join(dir, extension.DescriptorFile)
	data, err := os.ReadFile(file)
	if err != nil {
		return names
	}
	if h, err := extension.ReadHead(file, data); err == nil && h.ID != "" {
		names = append(names, h.ID, extension.Slug(h.ID), h.ID[strings.LastIndex(h.ID, "/")+1:])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// origin returns the annotations for the repository of an extension, which the
// plan prints a warning about if the descriptor asks for them and there is none.
func (o Options) origin(ctx context.Context, dir string, d *extension.Descriptor, list *diag.List) (map[string]string, error) {
	asked := d.Metadata.Extpack.Git
	if !o.Git.Origin && (!o.Git.OriginOfDescriptor || !asked.Set) {
		return nil, nil
	}
	tree, err := git.Open(ctx, dir)
	if err != nil && !o.Git.Origin && context.Cause(ctx) == nil {
		list.Warnf(asked.Position, "source and revision are left out: %v", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	commit, err := tree.Commit(ctx)
	if err != nil {
		return nil, err
	}
	changes, err := tree.Changes(ctx, content.IsNever)
	if err != nil {
		return nil, err
	}
	if len(changes) > 0 {
		if o.Push && !o.Git.AllowDirty {
			return nil, diag.WithHint(diag.Invalidf("%s: the revision %.12s cannot be pushed: %s", d.Info, commit, git.Describe(changes)), "commit the changes, or pass --allow-dirty to push the revision as "+commit[:12]+"…-dirty")
		}
		commit += "-dirty"
	}
	source, err := tree.Origin(ctx)
	annotations := map[string]string{v1.AnnotationRevision: commit}
	if source != "" {
		annotations[v1.AnnotationSource] = source
	}
	return annotations, err
}
