package edit

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
)

// Targets are the places an index is written to.
type Targets struct {
	// Tags are references to publish under, Files package files and Dirs layout
	// directories to write.
	Tags        []registry.Reference
	Files, Dirs []string
}

func (t Targets) empty() bool { return len(t.Tags)+len(t.Files)+len(t.Dirs) == 0 }

// write puts an index where it goes: files first, then, when all is well, the
// tags, which must be where they are expected.
func (r *Result) write(ctx context.Context, opts Options, o *Overlay, x *Index, to Targets, expected map[registry.Reference]digest.Digest) error {
	for _, name := range to.Files {
		if err := writeFile(ctx, name, o, x); err != nil {
			return err
		}
	}
	for _, name := range to.Dirs {
		if err := ocilayout.CopyDir(ctx, name, o, v1.Index{Manifests: []v1.Descriptor{r.Root}}); err != nil {
			return err
		}
	}
	if len(to.Tags) == 0 {
		return nil
	}
	return r.publish(ctx, opts, o, to.Tags, expected)
}

// tagsNow gives where the tags are before anything is read. Of a tag that
// cannot be read nothing is expected: publishing says what is wrong, if it is.
func tagsNow(ctx context.Context, opts Options, tags []registry.Reference) map[registry.Reference]digest.Digest {
	expected := map[registry.Reference]digest.Digest{}
	if opts.Force || opts.DryRun {
		return expected
	}
	for _, tag := range tags {
		desc, err := opts.Client.Resolve(ctx, tag)
		if err == nil || errors.Is(err, registry.ErrNotFound) {
			expected[tag] = desc.Digest
		}
	}
	return expected
}

// writeFile writes a package file, whose readers take the first image manifest
// of index.json: so it lists images flat, and nothing else.
func writeFile(ctx context.Context, name string, o *Overlay, x *Index) error {
	flat := &Index{children: x.Children()}
	if err := flat.Flatten(ctx, o); err != nil {
		return err
	}
	index := v1.Index{Annotations: x.Annotations()}
	for _, c := range flat.Images() {
		index.Manifests = append(index.Manifests, c.Descriptor())
	}
	if err := ocilayout.WriteTarFile(ctx, name, o, index); err != nil {
		return fmt.Errorf("writing package file: %w", err)
	}
	return nil
}
