package pipeline

import (
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
)

// holder is a destination that can report whether it already has a package,
// without building the package.
type holder interface {
	// Holds returns the package and its references, or none if it has to be
	// written.
	Holds(ctx context.Context, want *expected) (*annotate.Description, []string)
}

// predictor is an engine that can read the files of an extension before it
// builds it.
type predictor interface {
	// DiffIDs returns the diffIDs of the images, in plan order.
	DiffIDs(ctx context.Context, e *plan.Extension) ([]digest.Digest, error)
}

// predictorOf returns the engine, or another one that makes the same layers.
func predictorOf(engine Engine) predictor {
	if p, ok := engine.(predictor); ok {
		return p
	}
	return &embedded.Engine{}
}

// expected is the package that an extension will have.
type expected struct {
	extension *plan.Extension
	options   annotate.Options
	engine    predictor
	diffIDs   []digest.Digest // nil before they are needed
}

// read determines the diffIDs, once.
func (x *expected) read(ctx context.Context) (err error) {
	if x.diffIDs == nil {
		x.diffIDs, err = x.engine.DiffIDs(ctx, x.extension)
	}
	return err
}

// describe returns the description of the package with the given layers of its
// images, in plan order.
func (x *expected) describe(ctx context.Context, layers []v1.Descriptor) (*annotate.Description, error) {
	if err := x.read(ctx); err != nil {
		return nil, err
	}
	described := make([]annotate.Layer, len(layers))
	for i, layer := range layers {
		described[i] = annotate.Layer{Platform: x.extension.Images[i].Platform, DiffID: x.diffIDs[i], Descriptor: layer}
	}
	return annotate.Describe(ctx, x.extension, described, x.options)
}

// maxReadAhead is the total size of files up to which they are read before it is
// known whether there is a package to compare them with.
const maxReadAhead = 1 << 20

// config returns the config of the first image, which does not depend on the
// compression of its layer, if the files are small.
func (x *expected) config(ctx context.Context) (v1.Descriptor, bool) {
	var size int64
	for _, image := range x.extension.Images {
		for _, f := range image.Files {
			if size += f.Size; size > maxReadAhead {
				return v1.Descriptor{}, false
			}
		}
	}
	// Building reports errors.
	if x.read(ctx) != nil {
		return v1.Descriptor{}, false
	}
	config, err := annotate.Config(x.extension, x.diffIDs[0], x.options)
	return config, err == nil
}

// unchanged returns the result for an extension if all destinations already
// have its package. If that cannot be determined, the extension has to be
// built.
func unchanged(ctx context.Context, e *plan.Extension, engine predictor, opts Options) (Result, bool) {
	result := Result{Extension: e, Unchanged: true}
	if !e.Static() || e.Compression.HasLevel {
		return result, false // a level is not part of what is published
	}
	want := &expected{extension: e, options: opts.Annotate, engine: engine}
	destinations := opts.Destinations(e)
	for _, d := range destinations {
		h, ok := d.(holder)
		if !ok {
			return result, false
		}
		d, refs := h.Holds(ctx, want)
		if len(refs) == 0 {
			return result, false
		}
		result.Root, result.Images = d.Root, d.Images
		result.References = append(result.References, refs...)
	}
	return result, len(destinations) > 0
}

// Holds reads each tag: an index and the manifests it lists, a few small
// requests. They contain the digests of the compressed layers. Everything else
// is determined by the plan and the files, so equal digests mean an equal
// package.
//
// A config that the repository lacks tells at once that the package is another
// one.
func (d Registry) Holds(ctx context.Context, want *expected) (*annotate.Description, []string) {
	config, small := want.config(ctx)
	sources := make([]*registry.Source, len(d.Tags))
	var group errgroup.Group
	group.SetLimit(8)
	if small {
		group.Go(func() error {
			if ok, err := d.Client.HasBlob(ctx, d.Tags[0], config); err == nil && !ok {
				return errors.New("no config")
			}
			return nil
		})
	}
	for i, tag := range d.Tags {
		group.Go(func() (err error) {
			sources[i], err = d.Client.Open(ctx, tag)
			switch {
			case err == nil:
				d.seen.add(tag, sources[i].Root.Digest)
			case errors.Is(err, oci.ErrNotFound):
				d.seen.add(tag, "")
			}
			return err
		})
	}
	if group.Wait() != nil {
		return nil, nil
	}
	root := sources[0].Root.Digest
	if slices.ContainsFunc(sources, func(src *registry.Source) bool { return src.Root.Digest != root }) {
		return nil, nil
	}
	layers, ok := layersOf(ctx, sources[0], len(want.extension.Images))
	if !ok {
		return nil, nil
	}
	held, err := want.describe(ctx, layers)
	if err != nil || held.Root.Digest != root {
		return nil, nil
	}
	blobs := layers
	for _, image := range held.Images {
		blobs = append(blobs, image.Config)
	}
	if !haveAll(ctx, sources[0], blobs) {
		return nil, nil
	}
	var refs []string
	for i, tag := range d.Tags {
		refs = append(refs, registry.Published{Reference: tag, Descriptor: sources[i].Root}.String())
	}
	return held, refs
}

// layersOf returns the layer of each image of a published package, if each has
// exactly one.
func layersOf(ctx context.Context, src *registry.Source, images int) ([]v1.Descriptor, bool) {
	manifests := []v1.Descriptor{src.Root}
	if oci.IsIndex(src.Root.MediaType) {
		index, _, err := oci.ReadIndex(ctx, src, src.Root)
		if err != nil {
			return nil, false
		}
		manifests = index.Manifests
	}
	if len(manifests) != images || slices.ContainsFunc(manifests, func(d v1.Descriptor) bool { return !oci.IsManifest(d.MediaType) }) {
		return nil, false
	}
	layers := make([]v1.Descriptor, images)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, desc := range manifests {
		group.Go(func() error {
			manifest, _, err := oci.ReadManifest(groupCtx, src, desc)
			if err != nil {
				return err
			}
			if len(manifest.Layers) != 1 {
				return errors.New("not one layer")
			}
			layers[i] = manifest.Layers[0]
			return nil
		})
	}
	return layers, group.Wait() == nil
}

// haveAll reports whether a repository has the blobs: a manifest may exist without
// them, where garbage was collected during a push.
func haveAll(ctx context.Context, src *registry.Source, blobs []v1.Descriptor) bool {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, blob := range blobs {
		if slices.ContainsFunc(blobs[:i], func(d v1.Descriptor) bool { return d.Digest == blob.Digest }) {
			continue
		}
		group.Go(func() error {
			ok, err := src.Exists(groupCtx, blob)
			if err == nil && !ok {
				err = errors.New("no blob")
			}
			return err
		})
	}
	return group.Wait() == nil
}
