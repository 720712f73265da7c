package source

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
)

// layout writes a layout of one image, as a directory and as a package file,
// into the working directory.
func layout(t *testing.T) v1.Descriptor {
	t.Helper()
	l, err := ocilayout.Create("layout")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	config, err := l.PutJSON(t.Context(), v1.MediaTypeImageConfig, v1.Image{})
	if err != nil {
		t.Fatal(err)
	}
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: config}
	m.SchemaVersion = 2
	image, err := l.PutJSON(t.Context(), v1.MediaTypeImageManifest, m)
	if err != nil {
		t.Fatal(err)
	}
	index := v1.Index{Manifests: []v1.Descriptor{image}}
	if err := l.WriteIndex(index); err != nil {
		t.Fatal(err)
	}
	if err := ocilayout.WriteTarFile(t.Context(), "package.cnb", l, index); err != nil {
		t.Fatal(err)
	}
	return image
}

func TestOpenLayouts(t *testing.T) {
	t.Chdir(t.TempDir())
	image := layout(t)
	for _, name := range []string{"layout", "./layout/", "package.cnb", "./package.cnb"} {
		s, err := Open(t.Context(), nil, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := oci.ReadBytes(t.Context(), s, image, 1<<20); err != nil || s.Name != name {
			t.Errorf("%s: %q, %v", name, s.Name, err)
		}
		if _, err := oci.ReadBytes(t.Context(), s, s.Root, 1<<20); err != nil {
			t.Errorf("%s: reading the root: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"extension", "empty"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join("extension", "extension.toml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string]string{
		"extension":                    "extension is the directory of an extension, not a package\n  build it first: docker extpack build extension",
		"empty":                        "empty is not an OCI layout",
		"missing.cnb":                  "missing.cnb does not exist",
		"./missing":                    "./missing does not exist",
		"missing/":                     "missing/ does not exist",
		"/no/such/layout":              "/no/such/layout does not exist",
		"extension/extension.toml":     "extension/extension.toml is the descriptor of an extension, not a package\n  name its directory: extension",
		"./extension/extension.toml/x": "reading ./extension/extension.toml/x: ",
		"Not A Reference":              `"Not A Reference" is not an image reference`,
		"":                             `"" is not an image reference`,
	} {
		_, err := Open(t.Context(), nil, name)
		if !diag.IsInvalid(err) || !strings.HasPrefix(diag.Text(err), words) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A layout that lacks some of the images it lists says which it holds.
func TestOpenSparse(t *testing.T) {
	t.Chdir(t.TempDir())
	image := layout(t)
	image.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	gone := v1.Descriptor{MediaType: image.MediaType, Digest: "sha256:" + digest.Digest(strings.Repeat("0", 64)), Size: 1, Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}
	l, err := ocilayout.OpenDir("layout")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	index := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{image, gone}}
	index.SchemaVersion = 2
	root, err := l.PutJSON(t.Context(), index.MediaType, index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.WriteIndex(v1.Index{Manifests: []v1.Descriptor{root}}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), nil, "layout")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := oci.ReadBytes(t.Context(), s, image, 1<<20); err != nil {
		t.Error(err)
	}
	_, err = oci.ReadBytes(t.Context(), s, gone, 1<<20)
	if !errors.Is(err, oci.ErrNotFound) || !strings.Contains(diag.Text(err), "saved with linux/amd64 only, and its index lists linux/arm64 too") || !strings.Contains(diag.Text(err), "docker save --platform linux/amd64 -o layout IMAGE") {
		t.Errorf("reading what is missing: %v", diag.Text(err))
	}
}

// What is not a path is a reference, and what it is called in full is the name.
func TestOpenReference(t *testing.T) {
	t.Chdir(t.TempDir())
	const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/acme/curl/manifests/latest" && !strings.HasPrefix(r.URL.Path, "/v2/acme/curl/manifests/sha256:") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
		_, _ = w.Write([]byte(manifest))
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")

	s, err := Open(t.Context(), registry.New(registry.Options{}), host+"/acme/curl")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	raw, err := oci.ReadBytes(t.Context(), s, s.Root, 1<<20)
	if err != nil || string(raw) != manifest || s.Name != host+"/acme/curl:latest" {
		t.Errorf("%q: %s, %v", s.Name, raw, err)
	}
}

// TestIsExtension tells directories of extensions from packages, and what does
// not exist from references.
func TestIsExtension(t *testing.T) {
	t.Chdir(t.TempDir())
	layout(t)
	for _, dir := range []string{"plain", "both"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"both/oci-layout", "both/extension.toml", "plain/extension.toml"} {
		if err := os.WriteFile(filepath.FromSlash(name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{
		"plain": true, "./plain/": true, "both": true, ".": true, "layout": false, "package.cnb": false,
		"missing": true, "./missing": true, "acme/curl": false, "curl:1.0": false, "localhost:5000/curl": false,
	} {
		if got := IsExtension(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
