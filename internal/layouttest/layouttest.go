// Package layouttest writes images into OCI layouts for tests. The plugin does
// not link it.
package layouttest

import (
	"path/filepath"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/ocilayout"
)

// Layout is a layout that is open until the end of a test, which a failed write
// ends.
type Layout struct {
	*ocilayout.Layout
	tb testing.TB
}

// New returns an empty layout in a directory of the test.
func New(tb testing.TB) *Layout {
	tb.Helper()
	l, err := ocilayout.Create(filepath.Join(tb.TempDir(), "layout"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return &Layout{l, tb}
}

// Bytes writes a blob.
func (l *Layout) Bytes(mediaType string, data []byte) v1.Descriptor {
	l.tb.Helper()
	desc, err := l.PutBytes(l.tb.Context(), mediaType, data)
	if err != nil {
		l.tb.Fatal(err)
	}
	return desc
}

// JSON writes a document.
func (l *Layout) JSON(mediaType string, v any) v1.Descriptor {
	l.tb.Helper()
	desc, err := l.PutJSON(l.tb.Context(), mediaType, v)
	if err != nil {
		l.tb.Fatal(err)
	}
	return desc
}

// Image writes the config and the manifest of an image, and returns the entry that
// lists it for the platform of the config.
func (l *Layout) Image(config v1.Image, layers ...v1.Descriptor) v1.Descriptor {
	l.tb.Helper()
	manifest := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: l.JSON(v1.MediaTypeImageConfig, config), Layers: layers}
	if layers == nil {
		manifest.Layers = []v1.Descriptor{}
	}
	manifest.SchemaVersion = 2
	desc := l.JSON(v1.MediaTypeImageManifest, manifest)
	desc.Platform = &config.Platform
	return desc
}

// Index writes an index of entries.
func (l *Layout) Index(entries ...v1.Descriptor) v1.Descriptor {
	l.tb.Helper()
	index := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: entries}
	index.SchemaVersion = 2
	return l.JSON(v1.MediaTypeImageIndex, index)
}
