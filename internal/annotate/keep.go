package annotate

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/plan"
)

// inlineCache is BuildKit's name for the build cache in an image's config
// (moby/buildkit, cache/remotecache/inline). It must be preserved, because
// later builds import it.
type inlineCache struct {
	Cache json.RawMessage `json:"moby.buildkit.cache.v0,omitempty"`
}

// cacheOf returns the build cache in a config, or nil.
func cacheOf(config []byte) json.RawMessage {
	var c inlineCache
	if json.Unmarshal(config, &c) != nil {
		return nil
	}
	return c.Cache
}

// Labels returns the labels of each image of e, by its index in the plan, for a
// build that sets them itself, so that it attests the published image. They
// depend on the layers in sources.
func Labels(ctx context.Context, e *plan.Extension, sources []Source) (map[int]map[string]string, error) {
	m := &maker{describer: newDescriber(e, Options{}, nil), built: map[int]*built{}}
	for _, s := range sources {
		if err := m.find(ctx, s); err != nil {
			return nil, err
		}
	}
	all := map[int]map[string]string{}
	for i, b := range m.built {
		var err error
		if all[i], err = m.labels(b.config.RootFS.DiffIDs[0]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// DiffIDs returns the diffIDs of the images of e, in plan order, that sources
// contain.
func DiffIDs(ctx context.Context, e *plan.Extension, sources []Source) ([]digest.Digest, error) {
	m := &maker{describer: newDescriber(e, Options{}, nil), built: map[int]*built{}}
	for _, s := range sources {
		if err := m.find(ctx, s); err != nil {
			return nil, err
		}
	}
	ids := make([]digest.Digest, len(e.Images))
	for i, b := range m.built {
		ids[i] = b.config.RootFS.DiffIDs[0]
	}
	return ids, nil
}

// keeps reports whether an image of the engine is final: it is attested and has
// every label. It must not change, because attestations have its digest.
func (m *maker) keeps(want plan.Image, b *built) (bool, error) {
	if len(b.attestations) == 0 || m.opts.Docker || m.single() || b.config.OSVersion != want.Platform.OSVersion {
		return false, nil
	}
	for key, value := range m.extension.Placed.At(annotation.Manifest, want.Identity()) {
		if b.manifest.Annotations[key] != value {
			return false, nil
		}
	}
	labels, err := m.labels(b.config.RootFS.DiffIDs[0])
	return err == nil && maps.Equal(labels, b.config.Config.Labels), err
}

// keep copies an image unchanged.
func (m *maker) keep(ctx context.Context, want plan.Image, b *built) (Image, error) {
	if err := m.dst.ImportAll(ctx, b.src, b.descriptor); err != nil {
		return Image{}, err
	}
	c := b.config
	p := v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant, OSVersion: c.OSVersion}
	desc := v1.Descriptor{MediaType: b.descriptor.MediaType, Digest: b.descriptor.Digest, Size: b.descriptor.Size, Platform: &p}
	desc.Annotations = merged(m.distroAnnotations(want), m.extension.Placed.At(annotation.ManifestDescriptor, want.Identity()))
	return Image{
		Platform: p, Descriptor: desc, Config: b.manifest.Config, DiffID: c.RootFS.DiffIDs[0], Layer: b.manifest.Layers[0].Digest,
		Size: desc.Size + b.manifest.Config.Size + b.manifest.Layers[0].Size,
	}, nil
}
