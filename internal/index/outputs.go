package index

import (
	"context"
	"errors"
	"os"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/packagefile"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// Outputs are the places an index is written to.
type Outputs struct {
	// Tags are references to publish under, Files package files and Dirs layout
	// directories to write.
	Tags        []registry.Reference
	Files, Dirs []string
}

func (o Outputs) empty() bool { return len(o.Tags)+len(o.Files)+len(o.Dirs) == 0 }

// resolveOutputs has the result go back where the source is from, unless
// outputs say otherwise. back is into a file or directory.
func (req *Request) resolveOutputs() (back bool, err error) {
	if !req.empty() || req.Source == "" {
		return false, nil
	}
	if source.IsPath(req.Source) {
		return true, nil
	}
	ref, err := registry.ParseTag(req.Source)
	if err == nil {
		req.Tags = []registry.Reference{ref}
		return false, nil
	}
	if _, readable := registry.ParseReference(req.Source); readable == nil {
		err = diag.WithHint(diag.Invalidf("%s cannot be written back to: a digest always means the same content", req.Source), "name where the result goes with --tag or --output")
	}
	return false, err
}

// writeFiles writes an index to files and directories.
func (r *Result) writeFiles(ctx context.Context, req Request, s *Staging, x *Index) error {
	for _, name := range req.Files {
		index, err := flat(ctx, s, x)
		if err != nil {
			return err
		}
		names, err := packagefile.Write(ctx, name, s, index, req.Warn)
		r.Files = append(r.Files, names...)
		if err != nil {
			return err
		}
	}
	for _, name := range req.Dirs {
		root := []v1.Descriptor{r.Root}
		if len(req.Tags) > 0 {
			root = ocilayout.Named(root, req.Tags[0].Tag())
		}
		if err := ocilayout.CopyDir(ctx, name, s, v1.Index{Manifests: root}, req.Warn); err != nil {
			return err
		}
		r.Files = append(r.Files, name)
	}
	return nil
}

// rewrite puts an edited index back into the file or directory that src was
// read from, with everything there is in it and in the form that it had.
func (r *Result) rewrite(ctx context.Context, opts Options, s *Staging, x *Index, name string, src *source.Source) error {
	index, err := flat(ctx, s, x)
	if err != nil {
		return err
	}
	r.Files = []string{name}
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		return writeBack(ctx, opts, s, name, src, index)
	}
	if !isIndexFile(ctx, src) {
		root := r.Root
		root.Annotations = src.Root.Annotations // under which name tools look for it
		index = v1.Index{Manifests: []v1.Descriptor{root}}
	}
	return ocilayout.CopyDir(ctx, name, s, index, opts.Warn)
}

// writeBack writes an edited package file. What is in it besides images stays;
// a file that had images only has nothing else added.
func writeBack(ctx context.Context, opts Options, s *Staging, name string, src *source.Source, index v1.Index) error {
	images, attestations, err := oci.Images(ctx, src, src.Root)
	if err != nil {
		return err
	}
	if len(images) > 0 && len(attestations) == 0 {
		_, err := packagefile.Write(ctx, name, s, index, opts.Warn)
		return err
	}
	return ocilayout.WriteTarFile(ctx, name, s, index)
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
func flat(ctx context.Context, s *Staging, x *Index) (v1.Index, error) {
	all := &Index{entries: x.Entries()}
	if err := all.Flatten(ctx, s); err != nil {
		return v1.Index{}, err
	}
	index := v1.Index{Annotations: x.Annotations()}
	if err := errors.Join(x.fields.Decode("subject", &index.Subject), x.fields.Decode("artifactType", &index.ArtifactType)); err != nil {
		return index, diag.Invalidf("the index is not valid: %v", err)
	}
	for _, c := range all.Images() {
		index.Manifests = append(index.Manifests, c.Descriptor())
	}
	for _, c := range all.filter(func(c *Entry) bool { return c.Kind() != oci.KindImage }) {
		index.Manifests = append(index.Manifests, c.Descriptor())
	}
	return index, nil
}
