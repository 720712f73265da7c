package annotate

import (
	"context"
	"fmt"

	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// mediaTypes is one of the two families of media types that readers know.
type mediaTypes struct{ index, manifest, config, layer string }

var (
	ociTypes = mediaTypes{
		index:    v1.MediaTypeImageIndex,
		manifest: v1.MediaTypeImageManifest,
		config:   v1.MediaTypeImageConfig,
		layer:    v1.MediaTypeImageLayerGzip,
	}
	// Source: distribution, "Image Manifest Version 2, Schema 2".
	dockerTypes = mediaTypes{
		index:    "application/vnd.docker.distribution.manifest.list.v2+json",
		manifest: "application/vnd.docker.distribution.manifest.v2+json",
		config:   "application/vnd.docker.container.image.v1+json",
		layer:    "application/vnd.docker.image.rootfs.diff.tar.gzip",
	}
)

// image writes config and manifest of an image and takes over its layer.
func (m *maker) image(ctx context.Context, want plan.Image, b *built) (Image, error) {
	p := v1.Platform{
		OS: b.config.OS, Architecture: b.config.Architecture, Variant: b.config.Variant, OSVersion: want.Platform.OSVersion,
	}
	diffID := b.config.RootFS.DiffIDs[0]
	config, err := m.config(p, b.config)
	if err != nil {
		return Image{}, err
	}
	configDesc, err := m.dst.PutJSON(ctx, m.types.config, config)
	if err != nil {
		return Image{}, fmt.Errorf("writing config: %w", err)
	}
	built := b.manifest.Layers[0]
	if built.MediaType != ociTypes.layer && built.MediaType != dockerTypes.layer {
		return Image{}, fmt.Errorf("the builder made a layer of type %q, want gzip, the only one that readers accept", built.MediaType)
	}
	layer := v1.Descriptor{MediaType: m.types.layer, Digest: built.Digest, Size: built.Size}
	if err := m.dst.Import(ctx, b.src, layer); err != nil {
		return Image{}, fmt.Errorf("copying layer: %w", err)
	}
	manifest := v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: m.types.manifest,
		Config:    configDesc,
		Layers:    []v1.Descriptor{layer},
	}
	if m.opts.Single {
		// There is no index to carry them.
		if manifest.Annotations, err = m.annotations(); err != nil {
			return Image{}, err
		}
	}
	desc, err := m.dst.PutJSON(ctx, m.types.manifest, manifest)
	if err != nil {
		return Image{}, fmt.Errorf("writing manifest: %w", err)
	}
	desc.Platform = &p
	desc.Annotations = m.distroAnnotations(want)
	return Image{Platform: p, Descriptor: desc, DiffID: diffID}, nil
}

// config is the canonical one: only what says which platform, which layer and
// which extension, so that every engine makes the same bytes.
func (m *maker) config(p v1.Platform, built v1.Image) (v1.Image, error) {
	labels := map[string]string{}
	for k, v := range m.extension.Labels {
		labels[k] = v
	}
	var err error
	d := m.extension.Descriptor
	if labels[extension.LabelMetadata], err = d.MetadataLabel(); err != nil {
		return v1.Image{}, err
	}
	if labels[extension.LabelLayers], err = d.LayersLabel(built.RootFS.DiffIDs[0].String()); err != nil {
		return v1.Image{}, err
	}
	created := m.opts.Created.UTC()
	return v1.Image{
		Created:  &created,
		Platform: p,
		Config:   v1.ImageConfig{Labels: labels},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: built.RootFS.DiffIDs},
		History:  []v1.History{{Created: &created}},
	}, nil
}

// distroAnnotations tell apart images of the same platform.
func (m *maker) distroAnnotations(image plan.Image) map[string]string {
	if len(image.Distros) != 1 {
		return nil
	}
	same := 0
	for _, other := range m.extension.Images {
		if platform.Equal(other.Platform, image.Platform) {
			same++
		}
	}
	if same == 1 {
		return nil
	}
	return map[string]string{
		extension.AnnotationDistroName:    image.Distros[0].Name,
		extension.AnnotationDistroVersion: image.Distros[0].Version,
	}
}
