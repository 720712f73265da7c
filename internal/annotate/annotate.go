// Package annotate writes a package from the output of an engine: it writes the
// canonical config of every image with both labels, adds the images to one
// index with annotations, and updates the subjects of attestations. The content
// of layers does not change, but their compression may, because engines
// compress for speed.
//
// It reads OCI layouts and writes an OCI layout. Package verify checks the
// result.
package annotate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// Options are options that are not part of the plan.
type Options struct {
	// Created is the time in configs and annotations; zero is [plan.DefaultCreated].
	Created time.Time
	// Docker selects Docker's media types instead of OCI's.
	Docker bool
	// Single omits the index of a package with a single image.
	Single bool
	// LeftOut is called with the annotations that Docker's format cannot hold.
	// It may be nil.
	LeftOut func(names []string)
}

// Source is a layout that an engine wrote, and the images of the plan that it
// should contain.
type Source struct {
	Layout *ocilayout.Layout
	Images []int
	// Shared reports whether the layout has a single image for all Images,
	// which differ only in their platform.
	Shared bool
	// Transit reports whether layers have to be compressed for the package.
	Transit bool
}

// Package is an annotated package in a layout.
type Package struct {
	Layout *ocilayout.Layout
	// Root is the descriptor to tag: the index, or the image with
	// Options.Single or for any platform.
	Root v1.Descriptor
	// Index lists the images, then their attestations, even if Root is not the
	// index.
	Index v1.Index
	// Images are in plan order.
	Images []Image
	// Targets are the targets of the descriptor. Images may be a subset.
	Targets []extension.Target
}

// Image is an image of a package.
type Image struct {
	// Platform is that of the plan, or the one that the builder chose if the
	// plan has none.
	Platform v1.Platform
	// Any reports whether the image is for any platform, regardless of
	// Platform.
	Any        bool
	Descriptor v1.Descriptor
	Config     v1.Descriptor
	DiffID     digest.Digest
	// Layer is the compressed layer.
	Layer digest.Digest
	// Size is the download size in bytes: manifest, config and layer.
	Size int64
}

// Make writes the package of e into dst, which must be an empty layout.
func Make(ctx context.Context, dst *ocilayout.Layout, e *plan.Extension, sources []Source, opts Options) (*Package, error) {
	put := func(mediaType string, data []byte) error {
		_, err := dst.PutBytes(ctx, mediaType, data)
		return err
	}
	m := &maker{describer: newDescriber(e, opts, put), dst: dst, built: map[int]*built{}}
	for _, s := range sources {
		if err := m.find(ctx, s); err != nil {
			return nil, err
		}
	}
	return m.write(ctx)
}

type maker struct {
	*describer
	dst   *ocilayout.Layout
	built map[int]*built // by index into extension.Images
}

// built is an image that the engine built.
type built struct {
	src          *ocilayout.Layout
	descriptor   v1.Descriptor
	config       v1.Image
	manifest     v1.Manifest
	attestations []v1.Descriptor
	cache        json.RawMessage
	// final reports whether the image is to be published unchanged.
	final bool
	// transit reports whether the layer has to be compressed for the package.
	transit bool
}

// find matches the images in a layout with those of the plan by their configs,
// because descriptors may omit the platform.
func (m *maker) find(ctx context.Context, s Source) error {
	root, err := ocilayout.Root(ctx, s.Layout)
	if err != nil {
		return fmt.Errorf("reading build result: %w", err)
	}
	images, attestations, err := oci.Images(ctx, s.Layout, root)
	if err != nil {
		return fmt.Errorf("reading build result: %w", err)
	}
	seen := map[digest.Digest]bool{}
	for _, desc := range images {
		// With several tags BuildKit lists the same index once for each.
		if seen[desc.Digest] {
			continue
		}
		seen[desc.Digest] = true
		b := &built{src: s.Layout, descriptor: desc, transit: s.Transit}
		if b.manifest, _, err = oci.ReadManifest(ctx, s.Layout, desc); err != nil {
			return fmt.Errorf("reading build result: %w", err)
		}
		var raw []byte
		if b.config, raw, err = oci.ReadConfig(ctx, s.Layout, b.manifest.Config); err != nil {
			return fmt.Errorf("reading build result: %w", err)
		}
		b.cache = cacheOf(raw)
		for _, a := range attestations {
			if a.Annotations[oci.AnnotationReferenceDigest] == desc.Digest.String() && !seen[a.Digest] {
				seen[a.Digest] = true
				b.attestations = append(b.attestations, a)
			}
		}
		assign := m.assign
		if s.Shared {
			assign = m.share
		}
		if err := assign(b, s.Images); err != nil {
			return err
		}
	}
	return nil
}

// share assigns the image of a shared source to each of its Images.
func (m *maker) share(b *built, images []int) error {
	for _, i := range images {
		one := *b
		one.config.Platform = m.extension.Images[i].Platform
		if err := m.assign(&one, []int{i}); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) assign(b *built, candidates []int) error {
	got := b.config.Platform
	i := slices.IndexFunc(candidates, func(i int) bool {
		want := m.extension.Images[i].Platform
		return platform.IsZero(want) || platform.Equal(want, got)
	})
	if i < 0 {
		return fmt.Errorf("joining images of %s: the builder built %s, which was not requested", m.extension.Descriptor.Info.ID, platform.Format(got))
	}
	if m.built[candidates[i]] != nil {
		return fmt.Errorf("joining images of %s: the builder built %s twice", m.extension.Descriptor.Info.ID, platform.Format(got))
	}
	if n := len(b.manifest.Layers); n != 1 || len(b.config.RootFS.DiffIDs) != 1 {
		return fmt.Errorf("joining images of %s: %s has %d layers, want 1, because readers use only one", m.extension.Descriptor.Info.ID, platform.Format(got), n)
	}
	m.built[candidates[i]] = b
	return nil
}

// write writes the package to the layout, the root last.
func (m *maker) write(ctx context.Context) (*Package, error) {
	if err := m.sort(); err != nil {
		return nil, err
	}
	layers, err := m.copyLayers(ctx)
	if err != nil {
		return nil, err
	}
	var images []Image
	var attestations []v1.Descriptor
	for i, want := range m.extension.Images {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		b := m.built[i]
		image, err := m.writeImage(ctx, want, b, layers)
		if err != nil {
			return nil, fmt.Errorf("annotating %s: %w", want, err)
		}
		images = append(images, image)
		more, err := m.attestations(ctx, b, image.Descriptor)
		if err != nil {
			return nil, fmt.Errorf("keeping attestations of %s: %w", want, err)
		}
		attestations = append(attestations, more...)
	}
	d, err := m.join(images, attestations)
	if err != nil {
		return nil, err
	}
	if len(d.LeftOut) > 0 && m.opts.LeftOut != nil {
		m.opts.LeftOut(d.LeftOut)
	}
	pkg := &Package{Layout: m.dst, Root: d.Root, Index: d.Index, Images: d.Images, Targets: m.extension.Descriptor.Targets}
	root := d.Root
	root.Annotations = m.extension.Placed.At(annotation.IndexDescriptor, platform.Identity{})
	if m.single() {
		// There is no other descriptor that could have its annotations.
		root.Annotations = merged(root.Annotations, m.extension.Placed.At(annotation.ManifestDescriptor, m.extension.Images[0].Identity()))
	}
	return pkg, m.dst.WriteIndex(v1.Index{Manifests: []v1.Descriptor{root}})
}

// sort checks that every image was built, and determines which ones are final.
func (m *maker) sort() (err error) {
	for i, want := range m.extension.Images {
		b := m.built[i]
		if b == nil {
			return fmt.Errorf("joining images of %s: the builder did not build %s", m.extension.Descriptor.Info.ID, want)
		}
		if b.final, err = m.keeps(want, b); err != nil {
			return fmt.Errorf("annotating %s: %w", want, err)
		}
	}
	return nil
}

// writeImage copies an image that is final, and writes the documents of any
// other.
func (m *maker) writeImage(ctx context.Context, want plan.Image, b *built, layers map[digest.Digest]v1.Descriptor) (Image, error) {
	if b.final {
		return m.keep(ctx, want, b)
	}
	return m.image(want, Layer{
		Platform: b.config.Platform, DiffID: b.config.RootFS.DiffIDs[0],
		Descriptor: layers[b.manifest.Layers[0].Digest], cache: b.cache,
	})
}
