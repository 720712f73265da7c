package annotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// Layer is the part of a layer that the documents of an image depend on.
type Layer struct {
	Platform v1.Platform
	DiffID   digest.Digest
	// Descriptor is the compressed layer's; its media type is not used.
	Descriptor v1.Descriptor

	cache json.RawMessage
}

// Description is what the documents of a package say.
type Description struct {
	Root   v1.Descriptor
	Index  v1.Index
	Images []Image
	// LeftOut are the names of annotations in Index that its document lacks: a
	// Docker manifest list has none.
	LeftOut []string
}

// Describe describes the package of e if its images, in plan order, have these
// layers. It is the one that Make writes if there are no attestations, so the
// digests of a package are known before it is built.
func Describe(ctx context.Context, e *plan.Extension, layers []Layer, opts Options) (*Description, error) {
	d := newDescriber(e, opts, func(string, []byte) error { return nil })
	var images []Image
	for i, layer := range layers {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		image, err := d.image(e.Images[i], layer)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return d.join(images, nil)
}

// Config returns the config of the first image of e, if its layer has that diffID.
// It does not depend on the compression of the layer.
func Config(e *plan.Extension, diffID digest.Digest, opts Options) (v1.Descriptor, error) {
	d := newDescriber(e, opts, func(string, []byte) error { return nil })
	config, err := d.config(platformOf(e.Images[0], e.Images[0].Platform), Layer{DiffID: diffID})
	if err != nil {
		return v1.Descriptor{}, err
	}
	return d.add(d.types.config, config)
}

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
		index:    oci.MediaTypeDockerIndex,
		manifest: oci.MediaTypeDockerManifest,
		config:   oci.MediaTypeDockerConfig,
		layer:    oci.MediaTypeDockerLayerGzip,
	}
)

// describer writes the documents of one package.
type describer struct {
	extension *plan.Extension
	opts      Options
	types     mediaTypes
	// put writes a document. A package of many targets has too many to keep.
	put   func(mediaType string, data []byte) error
	known map[digest.Digest]map[string]string // labels by layer
	// images is the number of images for each platform.
	images map[platform.Key]int
}

func newDescriber(e *plan.Extension, opts Options, put func(mediaType string, data []byte) error) *describer {
	if opts.Created.IsZero() {
		opts.Created = plan.DefaultCreated
	}
	d := &describer{extension: e, opts: opts, types: ociTypes, put: put, known: map[digest.Digest]map[string]string{}, images: plan.CountPlatforms(e.Images)}
	if opts.Docker {
		d.types = dockerTypes
	}
	if e.Compression.Zstd() {
		d.types.layer = v1.MediaTypeImageLayerZstd
	}
	return d
}

func (d *describer) add(mediaType string, v any) (v1.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("encoding %s: %w", mediaType, err)
	}
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	return desc, d.put(mediaType, data)
}

// image writes config and manifest of an image.
func (d *describer) image(want plan.Image, layer Layer) (Image, error) {
	p := platformOf(want, layer.Platform)
	config, err := d.config(p, layer)
	if err != nil {
		return Image{}, err
	}
	manifest := v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: d.types.manifest,
		Layers:    []v1.Descriptor{{MediaType: d.types.layer, Digest: layer.Descriptor.Digest, Size: layer.Descriptor.Size}},
	}
	if manifest.Config, err = d.add(d.types.config, config); err != nil {
		return Image{}, err
	}
	if d.single() {
		// There is no index that could have them.
		if manifest.Annotations, err = d.extension.IndexAnnotations(d.opts.Created); err != nil {
			return Image{}, err
		}
	}
	if placed := d.extension.Placed.At(annotation.Manifest, want.Identity()); len(placed) > 0 {
		manifest.Annotations = merged(manifest.Annotations, placed)
	}
	desc, err := d.add(d.types.manifest, manifest)
	if err != nil {
		return Image{}, err
	}
	if !want.Any {
		desc.Platform = &p
	}
	desc.Annotations = merged(d.distroAnnotations(want), d.extension.Placed.At(annotation.ManifestDescriptor, want.Identity()))
	return Image{
		Platform: p, Any: want.Any, Descriptor: desc, Config: manifest.Config, DiffID: layer.DiffID, Layer: layer.Descriptor.Digest,
		Size: desc.Size + manifest.Config.Size + layer.Descriptor.Size,
	}, nil
}

// platformOf returns the platform of an image that was built for a platform.
func platformOf(want plan.Image, built v1.Platform) v1.Platform {
	return v1.Platform{OS: built.OS, Architecture: built.Architecture, Variant: built.Variant, OSVersion: want.Platform.OSVersion}
}

// single reports whether the package is an image without an index.
func (d *describer) single() bool { return d.opts.Single || d.extension.AnyPlatform() }

// config returns the canonical config: it has only the platform, the layer and
// the labels, so that all engines produce the same bytes.
func (d *describer) config(p v1.Platform, layer Layer) (any, error) {
	labels, err := d.labels(layer.DiffID)
	if err != nil {
		return nil, err
	}
	created := d.opts.Created.UTC()
	return struct {
		v1.Image
		inlineCache
	}{
		Image: v1.Image{
			Created:  &created,
			Platform: p,
			Config:   v1.ImageConfig{Labels: labels},
			RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.DiffID}},
			History:  []v1.History{{Created: &created}},
		},
		inlineCache: inlineCache{layer.cache},
	}, nil
}

// labels returns the labels of the image with that layer.
func (d *describer) labels(diffID digest.Digest) (map[string]string, error) {
	if labels, ok := d.known[diffID]; ok {
		return labels, nil
	}
	labels := maps.Clone(d.extension.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	var err error
	if labels[extension.LabelMetadata], err = d.extension.Descriptor.MetadataLabel(); err != nil {
		return nil, err
	}
	labels[extension.LabelLayers], err = d.extension.Descriptor.LayersLabel(diffID.String())
	d.known[diffID] = labels
	return labels, err
}

// distroAnnotations returns the annotations that distinguish images for the
// same platform.
func (d *describer) distroAnnotations(image plan.Image) map[string]string {
	if len(image.Distros) != 1 || d.images[platform.KeyOf(image.Platform)] == 1 {
		return nil
	}
	return map[string]string{
		extension.AnnotationDistroName:    image.Distros[0].Name,
		extension.AnnotationDistroVersion: image.Distros[0].Version,
	}
}

// merged returns the annotations of both, or nil if there are none.
func merged(a, b map[string]string) map[string]string {
	if len(a)+len(b) == 0 {
		return nil
	}
	out := maps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, b)
	return out
}

// join writes the index of images and the attestations about them.
func (d *describer) join(images []Image, attestations []v1.Descriptor) (*Description, error) {
	description := &Description{Images: images}
	annotations, err := d.extension.IndexAnnotations(d.opts.Created)
	if err != nil {
		return nil, err
	}
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: d.types.index, Annotations: annotations}
	for _, image := range images {
		index.Manifests = append(index.Manifests, image.Descriptor)
	}
	index.Manifests = append(index.Manifests, attestations...)
	description.Index = index
	if !d.single() {
		if d.opts.Docker {
			if index, err = description.leaveOut(); err != nil {
				return nil, err
			}
		}
		description.Root, err = d.add(d.types.index, index)
	} else if len(images) == 1 {
		description.Root = images[0].Descriptor
		description.Root.Platform, description.Root.Annotations = nil, nil
	} else {
		err = errors.New("a package of several platforms requires an index")
	}
	return description, err
}
