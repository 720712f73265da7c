package pipeline

import (
	"context"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
)

// Registry publishes a package under every one of its tags.
type Registry struct {
	Client *registry.Client
	Tags   []registry.Reference
}

// Put publishes; see [registry.Client.Publish].
func (d Registry) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	published, err := d.Client.Publish(ctx, pkg.Layout, pkg.Root, d.Tags)
	var refs []string
	for _, p := range published {
		refs = append(refs, p.String())
	}
	return refs, err
}

// File writes a package file (.cnb).
type File string

// Put writes the file. Readers of package files take the first image manifest
// of index.json and follow no nested index, so the images stand there flat;
// attestations, which they would take for images, stay out.
func (d File) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	index := pkg.Index
	// index.json is OCI's file, whatever the media types of what it lists.
	index.MediaType = v1.MediaTypeImageIndex
	index.Manifests = slices.DeleteFunc(slices.Clone(index.Manifests), func(d v1.Descriptor) bool {
		return oci.KindOf(d) != oci.KindImage
	})
	unlock, err := atomicfile.Lock(ctx, string(d))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := ocilayout.WriteTarFile(ctx, string(d), pkg.Layout, index); err != nil {
		return nil, err
	}
	return []string{string(d)}, nil
}

// Dir writes an OCI layout directory.
type Dir struct {
	Name string
	// Warn is as with [ocilayout.CopyDir].
	Warn func(message string)
}

// Put writes the directory; an OCI layout that is there already is replaced.
func (d Dir) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	index, err := pkg.Layout.Index(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := atomicfile.Lock(ctx, d.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := ocilayout.CopyDir(ctx, d.Name, pkg.Layout, index, d.Warn); err != nil {
		return nil, err
	}
	return []string{d.Name}, nil
}
