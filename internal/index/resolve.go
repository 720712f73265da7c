package index

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
)

// Platform gives the platform of an image: its descriptor's, else the one that
// [Index.Resolve] found in its config.
func (e *Entry) Platform() v1.Platform {
	switch {
	case oci.HasPlatform(e.desc):
		return *e.desc.Platform
	case e.found != nil:
		return *e.found
	}
	return v1.Platform{}
}

// Resolve looks up the platforms of images whose descriptors have none. They
// are in their configs, where image-spec requires them ("config.md"), and are
// never assumed: many readers take such an image for linux/amd64. The index
// stays as it is.
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
	e.artifact = !image // a manifest that is no image, and does not say so to those who list it
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

// settle writes the platform that was found into the descriptor.
func (e *Entry) applyPlatform() error {
	if oci.HasPlatform(e.desc) || e.found == nil {
		return nil
	}
	return e.SetPlatform(*e.found)
}

// AnyPlatform reports whether the image is for any platform, as
// [Index.Resolve] found.
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

// namePlatforms is what to do for an index where there is an image for any
// platform.
const namePlatforms = "to have an index, build it with \"docker extpack build --target os/arch\" for each platform"
