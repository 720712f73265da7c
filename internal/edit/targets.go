package edit

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
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
		index, err := flat(ctx, o, x)
		if err != nil {
			return err
		}
		// What is made for its readers has nothing that they trip over.
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool { return oci.KindOf(d) != oci.KindImage })
		if err := ocilayout.WriteTarFile(ctx, name, o, index); err != nil {
			return err
		}
	}
	for _, name := range to.Dirs {
		if err := ocilayout.CopyDir(ctx, name, o, v1.Index{Manifests: []v1.Descriptor{r.Root}}, opts.Warn); err != nil {
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
		if err == nil || errors.Is(err, oci.ErrNotFound) {
			expected[tag] = desc.Digest
		}
	}
	return expected
}

// rewrite puts an edited index back into the file or directory that src was
// read from, with everything there is in it and in the form that it had.
func (r *Result) rewrite(ctx context.Context, opts Options, o *Overlay, x *Index, name string, src *source.Source) error {
	index, err := flat(ctx, o, x)
	if err != nil {
		return err
	}
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		return ocilayout.WriteTarFile(ctx, name, o, index)
	}
	if !isIndexFile(ctx, src) {
		root := r.Root
		root.Annotations = src.Root.Annotations // under which name tools look for it
		index = v1.Index{Manifests: []v1.Descriptor{root}}
	}
	return ocilayout.CopyDir(ctx, name, o, index, opts.Warn)
}

// isIndexFile reports whether the package is index.json itself rather than what
// it lists.
func isIndexFile(ctx context.Context, src *source.Source) bool {
	store, ok := src.ReadOnlyStorage.(ocilayout.Store)
	if !ok {
		return false
	}
	raw, err := store.RawIndex(ctx)
	return err == nil && digest.FromBytes(raw) == src.Root.Digest
}

// flat gives what readers of an index.json need, who take the first image
// manifest and follow no nested index: images, then what else there is.
func flat(ctx context.Context, o *Overlay, x *Index) (v1.Index, error) {
	all := &Index{children: x.Children()}
	if err := all.Flatten(ctx, o); err != nil {
		return v1.Index{}, err
	}
	index := v1.Index{Annotations: x.Annotations()}
	if err := errors.Join(x.fields.Decode("subject", &index.Subject), x.fields.Decode("artifactType", &index.ArtifactType)); err != nil {
		return index, diag.Invalidf("", "the index is not valid: %v", err)
	}
	for _, c := range all.Images() {
		index.Manifests = append(index.Manifests, c.Descriptor())
	}
	for _, c := range all.filter(func(c *Child) bool { return c.Kind() != oci.KindImage }) {
		index.Manifests = append(index.Manifests, c.Descriptor())
	}
	return index, nil
}
