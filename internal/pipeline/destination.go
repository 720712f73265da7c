package pipeline

import (
	"context"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/packagefile"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
)

// Registry publishes a package under all of its tags.
type Registry struct {
	Client *registry.Client
	Tags   []registry.Reference
	// Release decides which tags may be moved; nil permits all.
	Release *release.Guard
	// seen are the tags that Holds has looked at. It may be nil.
	seen *seenTags
}

// Put publishes; see [registry.Client.Publish].
func (d Registry) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	next, err := release.Read(ctx, pkg.Layout, pkg.Root)
	if err != nil {
		return nil, err
	}
	tags := d.Tags
	var guards []registry.PublishOption
	if d.Release != nil {
		tags = release.Order(tags, next.Info.Version)
		for _, tag := range tags {
			if release.Guards(tag, next.Info.Version) {
				guards = append(guards, d.Release.Option(tag, next))
			}
		}
	}
	published, err := d.Client.Publish(ctx, pkg.Layout, pkg.Root, tags, guards...)
	var refs []string
	for _, p := range published {
		refs = append(refs, p.String())
	}
	return refs, err
}

// File writes a package file (.cnb), or one for each platform if its name has
// placeholders.
type File struct {
	Name string
	// Warn is as with [packagefile.Write].
	Warn func(message string)
}

// Put writes the file; see package packagefile.
func (d File) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	var images []platform.Identity
	for _, desc := range pkg.Index.Manifests {
		if oci.KindOf(desc) == oci.KindImage && desc.Platform != nil {
			images = append(images, platform.IdentityOf(*desc.Platform, desc.Annotations))
		}
	}
	names, err := packagefile.Names(d.Name, images)
	if err != nil {
		return nil, err
	}
	unlock, err := atomicfile.Lock(ctx, names...)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return packagefile.Write(ctx, d.Name, pkg.Layout, pkg.Index, d.Warn)
}

// Dir writes an OCI layout directory.
type Dir struct {
	Name string
	// Ref is the tag of the package in the layout. It is optional.
	Ref string
	// Warn is as with [ocilayout.CopyDir].
	Warn func(message string)
}

// Put writes the directory. It replaces an existing OCI layout.
func (d Dir) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	index, err := pkg.Layout.Index(ctx)
	if err != nil {
		return nil, err
	}
	index.Manifests = ocilayout.Named(index.Manifests, d.Ref)
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
