package index

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
)

// Platform returns the platform of an image: that of its descriptor, or else
// the one that [Index.Resolve] found in its config.
func (e *Entry) Platform() v1.Platform {
	switch {
	case oci.HasPlatform(e.desc):
		return *e.desc.Platform
	case e.found != nil:
		return *e.found
	}
	return v1.Platform{}
}

// Resolve reads the platforms of images whose descriptors have none from their
// configs, where image-spec requires them ("config.md"). They are never
// assumed, although many readers treat such an image as linux/amd64. Resolve
// does not change the index.
func (x *Index) Resolve(ctx context.Context, src content.Fetcher) error {
	for _, c := range x.Images() {
		if err := c.resolve(ctx, src); err != nil {
			return err
		}
	}
	return nil
}

func (e *Entry) resolve(ctx context.Context, src content.Fetcher) error {
	if oci.HasPlatform(e.desc) || e.found != nil || e.Kind() != oci.KindImage {
		return nil
	}
	p, image, err := oci.ConfigPlatform(ctx, src, e.desc)
	if err != nil {
		return err
	}
	e.artifact = !image // not an image, although its media type is that of an image manifest
	if image {
		if e.any, err = forAnyPlatform(ctx, src, e.desc); err != nil {
			return err
		}
	}
	if p.OS != "" && p.Architecture != "" {
		e.found = &p
	}
	return nil
}

// settle writes the found platform to the descriptor.
func (e *Entry) applyPlatform() error {
	if oci.HasPlatform(e.desc) || e.found == nil {
		return nil
	}
	return e.SetPlatform(*e.found)
}

// AnyPlatform reports whether [Index.Resolve] found that the image is for any
// platform.
func (e *Entry) AnyPlatform() bool { return e.any }

// forAnyPlatform reports whether the content of desc is an image of an extension
// that is for any platform.
func forAnyPlatform(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (bool, error) {
	if !oci.IsManifest(desc.MediaType) {
		return false, nil
	}
	manifest, _, err := oci.ReadManifest(ctx, src, desc)
	if err != nil || !oci.IsConfig(manifest.Config.MediaType) {
		return false, err
	}
	config, _, err := oci.ReadConfig(ctx, src, manifest.Config)
	return err == nil && extension.ForAnyPlatform(desc, manifest, config), err
}

// namePlatforms is the hint for an index with an image for any platform.
const namePlatforms = "to have an index, build it with \"docker extpack build --target os/arch\" for each platform"
