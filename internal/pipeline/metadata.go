package pipeline

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// builtMetadata is one extension in the --metadata-file.
type builtMetadata struct {
	// ID is the id of the extension.
	ID string `json:"id"`
	// Version is the version of the extension.
	Version string `json:"version"`
	// Descriptor is the descriptor of the index.
	Descriptor v1.Descriptor `json:"descriptor"`
	// References are the written tags, files and directories.
	References []string `json:"references"`
	// Platforms are the images, in the order of the index.
	Platforms []builtPlatform `json:"platforms"`
}

type builtPlatform struct {
	// Platform is the platform, "linux/arm64", or "any".
	Platform string `json:"platform"`
	// Descriptor is the descriptor of the image's manifest.
	Descriptor v1.Descriptor `json:"descriptor"`
	// DiffID is the diffID of the extension's layer.
	DiffID string `json:"layerDiffID"`
}

// WriteMetadata writes the file of --metadata-file, which describes the packages
// for programs.
func WriteMetadata(ctx context.Context, file string, results []Result) error {
	all := make([]builtMetadata, 0, len(results))
	for _, r := range results {
		info := r.Extension.Descriptor.Info
		m := builtMetadata{
			ID: info.ID, Version: info.Version, Descriptor: r.Root,
			References: append([]string{}, r.References...), Platforms: []builtPlatform{}, // lists, never null
		}
		for _, image := range r.Images {
			name := platform.Format(image.Platform)
			if image.Any {
				name = extension.AnyPlatform
			}
			m.Platforms = append(m.Platforms, builtPlatform{name, image.Descriptor, image.DiffID.String()})
		}
		all = append(all, m)
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("writing metadata file: %w", err)
	}
	return atomicfile.WriteFile(ctx, file, append(data, '\n'))
}
