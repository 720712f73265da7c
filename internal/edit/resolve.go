package edit

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
)

// Platform gives the platform of an image: its descriptor's, else the one that
// [Index.Resolve] found in its config.
func (c *Child) Platform() v1.Platform {
	switch {
	case hasPlatform(c.desc):
		return *c.desc.Platform
	case c.found != nil:
		return *c.found
	}
	return v1.Platform{}
}

// hasPlatform reports whether a descriptor says for which platform it is.
// image-spec requires os and architecture of those that have one.
func hasPlatform(desc v1.Descriptor) bool {
	return desc.Platform != nil && desc.Platform.OS != "" && desc.Platform.Architecture != ""
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

func (c *Child) resolve(ctx context.Context, src content.Fetcher) error {
	if hasPlatform(c.desc) || c.found != nil || c.Kind() != oci.KindImage {
		return nil
	}
	manifest, _, err := oci.ReadManifest(ctx, src, c.desc)
	if err != nil {
		return err
	}
	if !oci.IsConfig(manifest.Config.MediaType) {
		c.artifact = true // a manifest that is no image, and does not say so to those who list it
		return nil
	}
	config, _, err := oci.ReadConfig(ctx, src, manifest.Config)
	if err != nil {
		return err
	}
	if config.OS != "" && config.Architecture != "" {
		c.found = &config.Platform
	}
	return nil
}

// settle writes the platform that was found into the descriptor.
func (c *Child) settle() error {
	if hasPlatform(c.desc) || c.found == nil {
		return nil
	}
	return c.SetPlatform(*c.found)
}
