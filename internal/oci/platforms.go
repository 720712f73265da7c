package oci

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// HasPlatform reports whether a descriptor has a platform, for which image-spec
// requires os and architecture.
func HasPlatform(desc v1.Descriptor) bool {
	return desc.Platform != nil && desc.Platform.OS != "" && desc.Platform.Architecture != ""
}

// ConfigPlatform returns the platform in the config of an image, where
// image-spec requires it ("config.md"). image is false for an artifact, whose
// config is not that of an image.
func ConfigPlatform(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (p v1.Platform, image bool, err error) {
	manifest, _, err := ReadManifest(ctx, src, desc)
	if err != nil || !IsConfig(manifest.Config.MediaType) {
		return p, false, err
	}
	config, _, err := ReadConfig(ctx, src, manifest.Config)
	return config.Platform, true, err
}

// Platforms returns the platforms of the images under root, in the order of the
// index. If the descriptor of an image has none, it is read from the config. An
// image without a platform has the zero platform.
func Platforms(ctx context.Context, src content.Fetcher, root v1.Descriptor) ([]v1.Platform, error) {
	images, _, err := Images(ctx, src, root)
	if err != nil {
		return nil, err
	}
	all := make([]v1.Platform, 0, len(images))
	for _, desc := range images {
		if HasPlatform(desc) {
			all = append(all, *desc.Platform)
			continue
		}
		p, image, err := ConfigPlatform(ctx, src, desc)
		if err != nil {
			return nil, err
		}
		if image {
			all = append(all, p)
		}
	}
	return all, nil
}
