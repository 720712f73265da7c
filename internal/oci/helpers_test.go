package oci_test

import (
	"path/filepath"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/ocilayout"
)

const v1DigestOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newLayout(t *testing.T) *ocilayout.Layout {
	t.Helper()
	l, err := ocilayout.Create(filepath.Join(t.TempDir(), "layout"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// putImage adds an image with one layer, and returns its manifest's descriptor.
func putImage(t *testing.T, l *ocilayout.Layout, arch, layer string) v1.Descriptor {
	t.Helper()
	ctx, put := t.Context(), must[v1.Descriptor](t)
	platform := v1.Platform{OS: "linux", Architecture: arch}
	manifest := v1.Manifest{
		MediaType: v1.MediaTypeImageManifest,
		Config:    put(l.PutJSON(ctx, v1.MediaTypeImageConfig, v1.Image{Platform: platform})),
		Layers:    []v1.Descriptor{put(l.PutBytes(ctx, v1.MediaTypeImageLayer, []byte(layer)))},
	}
	manifest.SchemaVersion = 2
	desc := put(l.PutJSON(ctx, v1.MediaTypeImageManifest, manifest))
	desc.Platform = &platform
	return desc
}

// twoImages returns a layout whose index.json lists two images flat.
func twoImages(t *testing.T) (*ocilayout.Layout, v1.Index) {
	t.Helper()
	l := newLayout(t)
	index := v1.Index{Manifests: []v1.Descriptor{putImage(t, l, "amd64", "one"), putImage(t, l, "arm64", "two")}}
	if err := l.WriteIndex(index); err != nil {
		t.Fatal(err)
	}
	return l, index
}
