package annotate

import (
	"context"
	"fmt"
	"slices"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// Apply writes annotations to their places: the index, or the entries or
// manifests of its images. An image whose manifest changes keeps its position
// and its attestations. An image for any platform, which has no index, gets the
// annotations of the index. Apply returns a [*diag.InvalidError] for a platform
// without an image, and for an annotation of the index descriptor, which is not
// part of the index.
func Apply(ctx context.Context, s *index.Staging, x *index.Index, list annotation.List) error {
	if len(list) == 0 {
		return nil
	}
	images := x.Images()
	single := len(images) == 1 && images[0].AnyPlatform()
	var all []platform.Identity
	for _, image := range images {
		all = append(all, image.Identity())
	}
	if a := list.Unmatched(all); a != nil {
		return diag.Invalidf("--annotation %q: the index has no image for that platform", a)
	}
	for _, a := range list {
		switch {
		case a.Place == annotation.IndexDescriptor:
			return diag.WithHint(diag.Invalidf("--annotation %q: only an OCI layout directory contains a descriptor of the index", a), "set it when the layout is written, with docker extpack build -o DIR/")
		case single && a.Explicit && a.Place != annotation.Manifest:
			return diag.Invalidf("--annotation %q: the package is one image for any platform, without an index", a)
		}
	}
	ofIndex := list.At(annotation.Index, platform.Identity{})
	for _, image := range images {
		ofManifest := list.At(annotation.Manifest, image.Identity())
		if single {
			ofManifest = merged(ofIndex, ofManifest)
		}
		if err := annotateManifest(ctx, s, x, image, ofManifest); err != nil {
			return err
		}
		if err := image.Annotate(list.At(annotation.ManifestDescriptor, image.Identity())); err != nil {
			return err
		}
	}
	if single && len(x.Annotations()) == 0 {
		return nil
	}
	return x.Annotate(ofIndex)
}

func annotateManifest(ctx context.Context, s *index.Staging, x *index.Index, image *index.Entry, annotations map[string]string) error {
	if len(annotations) == 0 {
		return nil
	}
	next, err := index.RewriteManifest(ctx, s, image.Descriptor(), func(manifest *oci.Object) error {
		return manifest.Edit("annotations", func(a *oci.Object) error { return a.Merge(annotations) })
	})
	if err != nil {
		return fmt.Errorf("annotating %s: %w", image.Descriptor().Digest, err)
	}
	return x.ReplaceImage(ctx, s, image, next)
}

// Explicit splits a list into the annotations with an explicit place and the
// others.
func Explicit(list annotation.List) (named, others annotation.List) {
	i := slices.IndexFunc(list, func(a annotation.Annotation) bool { return !a.Explicit })
	if i < 0 {
		return list, nil
	}
	for _, a := range list {
		if a.Explicit {
			named = append(named, a)
		} else {
			others = append(others, a)
		}
	}
	return named, others
}
