package oci_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

func TestImagesTellsAttestationsApart(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	put := must[v1.Descriptor](t)
	attestation := put(l.PutJSON(t.Context(), v1.MediaTypeImageManifest, v1.Manifest{}))
	attestation.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{
		oci.AnnotationReferenceType: oci.ReferenceTypeAttestation, oci.AnnotationReferenceDigest: index.Manifests[0].Digest.String(),
	}
	stranger := attestation
	stranger.Annotations = nil
	index.Manifests = append(index.Manifests, attestation, stranger)
	inner := put(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, index))
	outer := put(l.PutJSON(t.Context(), oci.MediaTypeDockerIndex, v1.Index{Manifests: []v1.Descriptor{inner}}))

	images, attestations, err := oci.Images(t.Context(), l, outer)
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 2 || images[0].Platform.Architecture != "amd64" || images[1].Platform.Architecture != "arm64" {
		t.Errorf("images %+v", images)
	}
	if len(attestations) != 1 || attestations[0].Digest != attestation.Digest {
		t.Errorf("attestations %+v", attestations)
	}

	var depths []int
	err = oci.Walk(t.Context(), l, outer, func(n oci.Node, err error) error {
		depths = append(depths, len(n.Parents))
		if n.Kind == oci.KindIndex && (n.Index == nil || n.Raw == nil) {
			t.Errorf("index without its document: %+v", n)
		}
		return err
	})
	if err != nil || !slices.Equal(depths, []int{0, 1, 2, 2, 2, 2}) {
		t.Errorf("depths %v, %v", depths, err)
	}
}

func TestWalkOneManifest(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	images, _, err := oci.Images(t.Context(), l, index.Manifests[0])
	if err != nil || len(images) != 1 {
		t.Errorf("images %v, %v", images, err)
	}
}

func TestWalkLimits(t *testing.T) {
	t.Parallel()
	l := newLayout(t)
	put := must[v1.Descriptor](t)
	indexOf := func(children ...v1.Descriptor) v1.Descriptor {
		return put(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, v1.Index{Manifests: children}))
	}
	deep := indexOf()
	for range oci.MaxDepth {
		deep = indexOf(deep)
	}
	// A few kilobytes that span a million images.
	wide := putImage(t, l, "amd64", "x")
	for range 6 {
		wide = indexOf(slices.Repeat([]v1.Descriptor{wide}, 10)...)
	}
	many := indexOf(slices.Repeat([]v1.Descriptor{wide}, 2)...)
	for name, root := range map[string]v1.Descriptor{"deep": deep, "wide": many} {
		t.Run(name, func(t *testing.T) {
			_, _, err := oci.Images(t.Context(), l, root)
			if !errors.Is(err, oci.ErrTooLarge) || !diag.IsInvalid(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	if g, err := oci.ReadGraph(t.Context(), l, many); err != nil || len(g.Descriptors()) != 10 {
		t.Errorf("a blob listed many times counts once: %+v, %v", g, err)
	}
}

func TestWalkGoesOnAfterABrokenIndex(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	put := must[v1.Descriptor](t)
	missing := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: "sha256:" + v1DigestOfNothing, Size: 2}
	root := put(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, v1.Index{Manifests: append([]v1.Descriptor{missing}, index.Manifests...)}))
	var images, broken int
	err := oci.Walk(t.Context(), l, root, func(n oci.Node, err error) error {
		if err != nil && !strings.Contains(err.Error(), "index "+missing.Digest.String()+" is missing") {
			t.Errorf("got %v", err)
		}
		if err != nil {
			broken++
		}
		if n.Kind == oci.KindImage {
			images++
		}
		return nil
	})
	if err != nil || images != 2 || broken != 1 {
		t.Errorf("%d images, %d broken, %v", images, broken, err)
	}
}

func TestReadGraphRefusesTwoSizes(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	lie := index.Manifests[0]
	lie.Size++
	root := must[v1.Descriptor](t)(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, v1.Index{Manifests: []v1.Descriptor{index.Manifests[0], lie}}))
	if _, err := oci.ReadGraph(t.Context(), l, root); !errors.Is(err, oci.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
