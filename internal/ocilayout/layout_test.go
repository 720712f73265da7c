package ocilayout

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

func newLayout(t *testing.T) *Layout {
	t.Helper()
	l, err := Create(filepath.Join(t.TempDir(), "layout"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o755); err != nil {
		t.Fatal(err)
	}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// putImage puts an image with one layer, and returns its manifest's descriptor.
func putImage(t *testing.T, l *Layout, arch, layer string) v1.Descriptor {
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
func twoImages(t *testing.T) (*Layout, v1.Index) {
	t.Helper()
	l := newLayout(t)
	index := v1.Index{Manifests: []v1.Descriptor{putImage(t, l, "amd64", "one"), putImage(t, l, "arm64", "two")}}
	if err := l.WriteIndex(index); err != nil {
		t.Fatal(err)
	}
	return l, index
}

func TestPut(t *testing.T) {
	t.Parallel()
	l := newLayout(t)
	desc := must[v1.Descriptor](t)(l.Put(t.Context(), "x/y", strings.NewReader("hello")))
	if desc.Digest != digest.FromString("hello") || desc.Size != 5 || desc.MediaType != "x/y" {
		t.Errorf("Put gave %+v", desc)
	}
	data := must[[]byte](t)(oci.ReadBytes(t.Context(), l, desc, 5))
	if string(data) != "hello" {
		t.Errorf("read %q", data)
	}
	info := must[fs.FileInfo](t)(os.Stat(filepath.Join(l.Dir(), "blobs", "sha256", desc.Digest.Encoded())))
	if info.Mode() != 0o644 {
		t.Errorf("mode %v", info.Mode())
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Put(ctx, "x/y", strings.NewReader("bye")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with a cancelled context: %v", err)
	}
	entries := must[[]fs.DirEntry](t)(os.ReadDir(l.Dir()))
	if len(entries) != 3 {
		t.Errorf("a failed Put leaves %v", entries)
	}
}

func TestCreateAndOpenDir(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	s := must[Store](t)(Open(l.Dir()))
	defer s.Close()
	got := must[v1.Index](t)(s.Index(t.Context()))
	if len(got.Manifests) != 2 || got.SchemaVersion != 2 || got.MediaType != v1.MediaTypeImageIndex {
		t.Errorf("index %+v", got)
	}
	if ok, err := s.Exists(t.Context(), index.Manifests[0]); !ok || err != nil {
		t.Errorf("Exists = %v, %v", ok, err)
	}
	if ok, err := s.Exists(t.Context(), content.NewDescriptorFromBytes("", []byte("none"))); ok || err != nil {
		t.Errorf("Exists of what is not there = %v, %v", ok, err)
	}
	if _, err := Create(l.Dir()); !diag.IsInvalid(err) {
		t.Errorf("Create over a layout: %v", err)
	}
	if _, err := Open(filepath.Join(l.Dir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of nothing: %v", err)
	}
}

func TestOpenDirRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(t *testing.T, dir string)
		want   string
	}{
		"no oci-layout": {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "oci-layout")) }, "it has no oci-layout file"},
		"no index":      {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "index.json")) }, "it has no index.json file"},
		"other version": {func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"2.0.0"}`))
		}, `is an OCI layout of version "2.0.0"; only 1.0.0 is known`},
		"index not JSON": {func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "index.json"), []byte(`{`))
		}, "its index.json is not valid"},
		"index too large": {func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "index.json"), make([]byte, oci.MaxManifestSize+1))
		}, "its index.json is larger than 4194304 bytes"},
		"index a directory": {func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, "index.json"))
			mkdir(t, filepath.Join(dir, "index.json"))
		}, "index.json is not a regular file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, _ := twoImages(t)
			tt.change(t, l.Dir())
			_, err := Open(l.Dir())
			if !diag.IsInvalid(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLayoutDoesNotFollowLinksOut(t *testing.T) {
	t.Parallel()
	l, _ := twoImages(t)
	secret := filepath.Join(t.TempDir(), "secret")
	writeFile(t, secret, []byte("secret"))
	desc := content.NewDescriptorFromBytes("", []byte("secret"))
	if err := os.Symlink(secret, filepath.Join(l.Dir(), "blobs", "sha256", desc.Digest.Encoded())); err != nil {
		t.Fatal(err)
	}
	if data, err := oci.ReadBytes(t.Context(), l, desc, 100); err == nil {
		t.Errorf("read %q through a link out of the layout", data)
	}
}

func TestImportLinksOrCopies(t *testing.T) {
	t.Parallel()
	src, index := twoImages(t)
	linked, copied := newLayout(t), newLayout(t)
	if err := linked.ImportAll(t.Context(), src, index.Manifests[0]); err != nil {
		t.Fatal(err)
	}
	if err := copied.ImportAll(t.Context(), elsewhere{src}, index.Manifests[0]); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("blobs", "sha256", index.Manifests[0].Digest.Encoded())
	stat := func(l *Layout) fs.FileInfo { return must[fs.FileInfo](t)(os.Stat(filepath.Join(l.Dir(), name))) }
	if !os.SameFile(stat(src), stat(linked)) {
		t.Error("a blob of another layout is not hard linked")
	}
	if os.SameFile(stat(src), stat(copied)) {
		t.Error("a blob of something else is hard linked")
	}
	entries := must[[]fs.DirEntry](t)(os.ReadDir(filepath.Join(copied.Dir(), "blobs", "sha256")))
	if len(entries) != 3 {
		t.Errorf("imported %d blobs, want manifest, config and layer", len(entries))
	}
}

func TestRoot(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	root := must[v1.Descriptor](t)(Root(t.Context(), l))
	raw := must[[]byte](t)(oci.ReadBytes(t.Context(), l, root, oci.MaxManifestSize))
	if want := must[[]byte](t)(l.RawIndex(t.Context())); !bytes.Equal(raw, want) {
		t.Errorf("the root of flat images is not index.json but %s", raw)
	}
	inner := must[v1.Descriptor](t)(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, index))
	if err := l.WriteIndex(v1.Index{Manifests: []v1.Descriptor{inner}}); err != nil {
		t.Fatal(err)
	}
	if root := must[v1.Descriptor](t)(Root(t.Context(), l)); root.Digest != inner.Digest {
		t.Errorf("the root of one index is %s", root.Digest)
	}
	// As "oras copy --to-oci-layout" writes it.
	if err := l.WriteIndex(v1.Index{Manifests: append(index.Manifests[:len(index.Manifests):len(index.Manifests)], inner)}); err != nil {
		t.Fatal(err)
	}
	if root := must[v1.Descriptor](t)(Root(t.Context(), l)); root.Digest != inner.Digest {
		t.Errorf("the root of an index beside its manifests is %s", root.Digest)
	}
	other := must[v1.Descriptor](t)(l.PutJSON(t.Context(), v1.MediaTypeImageManifest, v1.Manifest{Config: index.Manifests[0]}))
	if err := l.WriteIndex(v1.Index{Manifests: []v1.Descriptor{inner, other}}); err != nil {
		t.Fatal(err)
	}
	if root := must[v1.Descriptor](t)(Root(t.Context(), l)); root.Digest == inner.Digest {
		t.Error("the root of an index beside another image is the index")
	}
}

// elsewhere is a store that is not a [*Layout].
type elsewhere struct{ content.ReadOnlyStorage }
