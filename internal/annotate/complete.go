package annotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/oci"
)

// Additions are the user's own labels.
type Additions struct {
	Labels map[string]string
}

// Complete turns the index x of another tool into a complete package: it finds
// the extension in each image, writes both labels and the annotations of the
// index, and keeps attestations. Everything else is preserved, and complete
// images are unchanged. It returns a [*diag.InvalidError] for an image without
// an extension, or with a different one.
func Complete(ctx context.Context, s *index.Staging, x *index.Index, add Additions) error {
	if err := x.Flatten(ctx, s); err != nil {
		return err
	}
	if err := x.Resolve(ctx, s); err != nil {
		return err
	}
	c := &completer{staging: s, add: add, seen: map[string]*located{}}
	for _, child := range x.Images() {
		if err := c.image(ctx, x, child); err != nil {
			return named(child, err)
		}
	}
	if c.first == nil {
		return diag.Invalidf("the index has no images")
	}
	have := x.Annotations()
	if c.single(x) && len(have) == 0 {
		return nil // the image has them
	}
	annotations, err := c.annotations(have)
	if err != nil {
		return err
	}
	return x.Annotate(annotations)
}

// named returns err with the platform of the image, and its digest unless err has
// it already. Damaged content is named by its source, as everywhere.
func named(child *index.Entry, err error) error {
	var broken *oci.ContentError
	if errors.As(err, &broken) {
		return broken
	}
	desc := child.Descriptor()
	if about := oci.About(desc, err, "%s (%s)", child.Identity(), desc.Digest); about != err { //nolint:errorlint // the error itself
		return about
	}
	return fmt.Errorf("%s: %w", child.Identity(), err)
}

type completer struct {
	staging *index.Staging
	add     Additions
	first   *extension.Descriptor
	created *time.Time
	// seen caches results by the layers of an image, because platforms often
	// share them.
	seen map[string]*located
}

func (c *completer) image(ctx context.Context, x *index.Index, child *index.Entry) error {
	desc := child.Descriptor()
	manifest, _, err := oci.ReadManifest(ctx, c.staging, desc)
	if err != nil {
		return err
	}
	if !oci.IsConfig(manifest.Config.MediaType) {
		return nil // an artifact for a platform, which does not change
	}
	config, _, err := oci.ReadConfig(ctx, c.staging, manifest.Config)
	if err != nil {
		return err
	}
	labels, d, err := c.labels(ctx, manifest, config)
	if err != nil {
		return err
	}
	if c.first == nil {
		c.first, c.created = d, config.Created
	} else if c.first.Info.String() != d.Info.String() {
		return diag.Invalidf("the image contains %s, others contain %s", d.Info, c.first.Info)
	}
	maps.Copy(labels, c.add.Labels)
	next, err := index.RewriteImage(ctx, c.staging, desc, func(config *oci.Object) error {
		return config.Edit("config", func(inner *oci.Object) error {
			return inner.Edit("Labels", func(l *oci.Object) error { return l.Merge(labels) })
		})
	})
	if err != nil {
		return err
	}
	// Readers treat an image without a platform as linux/amd64.
	if p := child.Platform(); p.OS != "" && !c.single(x) {
		next.Platform = &p
	}
	if c.single(x) {
		if next, err = c.describe(ctx, next, manifest.Annotations); err != nil {
			return err
		}
	}
	return x.ReplaceImage(ctx, c.staging, child, next)
}

// single reports whether x is a single image for any platform. It has the
// annotations of the package instead of an index.
func (c *completer) single(x *index.Index) bool {
	images := x.Images()
	return len(images) == 1 && images[0].AnyPlatform()
}

// describe writes the annotations of the package to the manifest of its single
// image.
func (c *completer) describe(ctx context.Context, desc v1.Descriptor, have map[string]string) (v1.Descriptor, error) {
	annotations, err := c.annotations(have)
	if err != nil {
		return desc, err
	}
	annotations[extension.AnnotationPlatform] = extension.AnyPlatform
	return index.RewriteManifest(ctx, c.staging, desc, func(manifest *oci.Object) error {
		return manifest.Edit("annotations", func(a *oci.Object) error { return a.Merge(annotations) })
	})
}

// labels returns both labels of an image and its extension. Existing labels are
// used if they are consistent with each other and the image, so that no layers
// of a complete package are downloaded.
func (c *completer) labels(ctx context.Context, manifest v1.Manifest, config v1.Image) (map[string]string, *extension.Descriptor, error) {
	if d := Labelled(config); d != nil {
		return map[string]string{}, d, nil
	}
	key, err := json.Marshal([]any{manifest.Layers, config.RootFS.DiffIDs})
	if err != nil {
		return nil, nil, err
	}
	found := c.seen[string(key)]
	if found == nil {
		if found, err = locate(ctx, c.staging, manifest, config.RootFS.DiffIDs); err != nil {
			return nil, nil, err
		}
		c.seen[string(key)] = found
	}
	labels := map[string]string{}
	if labels[extension.LabelMetadata], err = found.descriptor.MetadataLabel(); err != nil {
		return nil, nil, err
	}
	labels[extension.LabelLayers], err = found.descriptor.LayersLabel(found.diffID.String())
	return labels, found.descriptor, err
}

// Labelled returns the extension that an image's labels describe, nil when they
// are incomplete or contradict each other or the layers.
func Labelled(config v1.Image) *extension.Descriptor {
	var info extension.Info
	var layers map[string]map[string]extension.LayerInfo
	labels := config.Config.Labels
	if oci.Decode([]byte(labels[extension.LabelMetadata]), &info) != nil ||
		oci.Decode([]byte(labels[extension.LabelLayers]), &layers) != nil {
		return nil
	}
	layer, ok := layers[info.ID][info.Version]
	if !ok || len(layers) != 1 || len(layers[info.ID]) != 1 || layer.API == "" {
		return nil
	}
	if !slices.Contains(config.RootFS.DiffIDs, digest.Digest(layer.LayerDiffID)) {
		return nil
	}
	return &extension.Descriptor{API: layer.API, Info: info, Targets: layer.Targets}
}

// annotations returns the annotations that an index lacks. Existing OCI
// annotations are preserved; those that identify the extension are updated.
func (c *completer) annotations(have map[string]string) (map[string]string, error) {
	out := c.first.KnownAnnotations()
	if c.created != nil {
		out[v1.AnnotationCreated] = c.created.UTC().Format(time.RFC3339)
	}
	maps.DeleteFunc(out, func(k, _ string) bool { return have[k] != "" })
	identity, err := c.first.IdentityAnnotations()
	maps.Copy(out, identity)
	return out, err
}
