package release

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// Content is what a tag points at.
type Content struct {
	Root v1.Descriptor
	// Info is the extension; it is zero for other content.
	Info        extension.Info
	annotations map[string]string
	images      []image
}

type image struct {
	digest digest.Digest
	name   string
}

// Read reads the content below root, without layers.
func Read(ctx context.Context, src content.Fetcher, root v1.Descriptor) (*Content, error) {
	c := &Content{Root: root}
	images := []v1.Descriptor{root}
	if oci.IsIndex(root.MediaType) {
		index, _, err := oci.ReadIndex(ctx, src, root)
		if err != nil {
			return nil, err
		}
		c.annotations, images = index.Annotations, index.Manifests
	} else {
		manifest, _, err := oci.ReadManifest(ctx, src, root)
		if err != nil {
			return nil, err
		}
		c.annotations = manifest.Annotations
	}
	for _, desc := range images {
		// Attestations describe a build, not the content, and have its time.
		if oci.KindOf(desc) == oci.KindAttestation {
			continue
		}
		name := "the image"
		if oci.HasPlatform(desc) {
			name = platform.IdentityOf(*desc.Platform, desc.Annotations).String()
		}
		c.images = append(c.images, image{desc.Digest, name})
	}
	return c, c.identify(ctx, src, images)
}

// identify determines the extension by annotations or, as those of Docker's
// format and of other tools have none, by the label of the first image.
func (c *Content) identify(ctx context.Context, src content.Fetcher, images []v1.Descriptor) error {
	if id := c.annotations[extension.AnnotationID]; id != "" {
		c.Info = extension.Info{ID: id, Version: c.annotations[extension.AnnotationVersion]}
		return nil
	}
	for _, desc := range images {
		if !oci.IsManifest(desc.MediaType) || oci.KindOf(desc) != oci.KindImage {
			continue
		}
		manifest, _, err := oci.ReadManifest(ctx, src, desc)
		if err != nil || !oci.IsConfig(manifest.Config.MediaType) {
			return err
		}
		config, _, err := oci.ReadConfig(ctx, src, manifest.Config)
		if err != nil {
			return err
		}
		var info extension.Info
		if oci.Decode([]byte(config.Config.Labels[extension.LabelMetadata]), &info) == nil {
			c.Info = info
		}
		return nil
	}
	return nil
}

// differs describes how next differs from c with more platforms. It returns ""
// if it does not.
func (c *Content) differs(next *Content) string {
	if c.Info.ID != next.Info.ID {
		return fmt.Sprintf("it contains %q, and this is %q", c.Info.ID, next.Info.ID)
	}
	digests, names := map[digest.Digest]bool{}, map[string]bool{}
	for _, image := range next.images {
		digests[image.digest], names[image.name] = true, true
	}
	for _, image := range c.images {
		switch {
		case digests[image.digest]:
		case names[image.name]:
			return image.name + " differs"
		default:
			return image.name + " is missing"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.annotations)) {
		if next.annotations[name] != c.annotations[name] {
			return "the annotation " + name + " differs"
		}
	}
	return ""
}
