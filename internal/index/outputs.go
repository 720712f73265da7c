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

// Outputs are the destinations of an index.
type Outputs struct {
	// Tags are references to publish. Files are package files and Dirs are
	// layout directories to write.
	Tags        []registry.Reference
	Files, Dirs []string
}

func (o Outputs) empty() bool { return len(o.Tags)+len(o.Files)+len(o.Dirs) == 0 }

// resolveOutputs returns the outputs; the default is the source. back reports
// whether that is a file or directory.
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
		err = diag.WithHint(diag.Invalidf("%s cannot be modified: a digest always refers to the same content", req.Source), "name a tag in place of the digest")
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

// rewrite writes an edited index back to the file or directory of src. It
// preserves its other content and form.
func (r *Result) rewrite(ctx context.Context, opts Options, s *Staging, x *Index, name string, src *source.Source) error {
	index, err := flat(ctx, s, x)
	if err != nil {
		return err
	}
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		return writeBack(ctx, opts, s, name, src, index)
	}
	if !isIndexFile(ctx, src) {
		root := r.Root
		root.Annotations = src.Root.Annotations // the name that tools search for
		index = v1.Index{Manifests: []v1.Descriptor{root}}
	}
	return ocilayout.CopyDir(ctx, name, s, index, opts.Warn)
}

// writeBack writes an edited package file. It preserves entries other than
// images, but does not add them to a file that has only images.
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

// inFile reports whether the result is only written as the index.json of files.
func (e *editor) inFile(ctx context.Context, src *source.Source) bool {
	if !e.back {
		return len(e.Files) > 0 && len(e.Tags)+len(e.Dirs) == 0
	}
	info, err := os.Stat(e.Source)
	return err == nil && !info.IsDir() || isIndexFile(ctx, src)
}

// isIndexFile reports whether the root of the package is index.json itself, and
// not its entry.
func isIndexFile(ctx context.Context, src *source.Source) bool {
	store, ok := src.ReadOnlyStorage.(ocilayout.Store)
	if !ok {
		return false
	}
	raw, err := store.RawIndex(ctx)
	return err == nil && digest.FromBytes(raw) == src.Root.Digest
}

// flat returns the entries for index.json: images first, then others, because
// readers use the first image manifest and do not follow nested indexes.
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
