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
	// Holds returns the references of the package, or none if it has to be
	// written. expect returns the description of the package with the given
	// layers of its images, in plan order.
	Holds(ctx context.Context, images int, expect func(layers []v1.Descriptor) (*annotate.Description, error)) (*annotate.Description, []string)
}

// unchanged returns the result for an extension if all destinations already
// have its package. If that cannot be determined, the extension has to be
// built.
func unchanged(ctx context.Context, e *plan.Extension, opts Options) (Result, bool) {
	result := Result{Extension: e, Unchanged: true}
	if !e.Static() || e.Compression.HasLevel {
		return result, false // a level is not part of what is published
	}
	var diffIDs []digest.Digest // computed once, and only if a package exists
	expect := func(layers []v1.Descriptor) (*annotate.Description, error) {
		if diffIDs == nil {
			var err error
			if diffIDs, err = embedded.DiffIDs(ctx, e); err != nil {
				return nil, err
			}
		}
		described := make([]annotate.Layer, len(layers))
		for i, layer := range layers {
			described[i] = annotate.Layer{Platform: e.Images[i].Platform, DiffID: diffIDs[i], Descriptor: layer}
		}
		return annotate.Describe(ctx, e, described, opts.Annotate)
	}
	destinations := opts.Destinations(e)
	for _, d := range destinations {
		h, ok := d.(holder)
		if !ok {
			return result, false
		}
		d, refs := h.Holds(ctx, len(e.Images), expect)
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
func (d Registry) Holds(ctx context.Context, images int, expect func([]v1.Descriptor) (*annotate.Description, error)) (*annotate.Description, []string) {
	var held *annotate.Description
	var refs []string
	sources := make([]*registry.Source, len(d.Tags))
	var group errgroup.Group
	group.SetLimit(8)
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
	for i, tag := range d.Tags {
		src := sources[i]
		if held != nil && src.Root.Digest != held.Root.Digest {
			return nil, nil
		}
		if held == nil {
			layers, ok := layersOf(ctx, src, images)
			if !ok {
				return nil, nil
			}
			var err error
			if held, err = expect(layers); err != nil || held.Root.Digest != src.Root.Digest || !haveAll(ctx, src, layers) {
				return nil, nil
			}
		}
		refs = append(refs, registry.Published{Reference: tag, Descriptor: src.Root}.String())
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

// haveAll reports whether a repository has the layers: a manifest may exist
// without its blobs.
func haveAll(ctx context.Context, src *registry.Source, layers []v1.Descriptor) bool {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, layer := range layers {
		if slices.ContainsFunc(layers[:i], func(l v1.Descriptor) bool { return l.Digest == layer.Digest }) {
			continue
		}
		group.Go(func() error {
			ok, err := src.Exists(groupCtx, layer)
			if err == nil && !ok {
				err = errors.New("no layer")
			}
			return err
		})
	}
	return group.Wait() == nil
}
