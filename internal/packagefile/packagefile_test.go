package packagefile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

// layoutOf returns a layout with an image for each platform, whose only layer
// holds the text with the same place.
func layoutOf(t *testing.T, platforms []v1.Platform, layers ...string) (*ocilayout.Layout, v1.Index) {
	t.Helper()
	l := layouttest.New(t)
	var index v1.Index
	for i, p := range platforms {
		index.Manifests = append(index.Manifests, l.Image(v1.Image{Platform: p}, l.Bytes(v1.MediaTypeImageLayer, []byte(layers[i]))))
	}
	attestation := l.JSON(v1.MediaTypeImageManifest, v1.Manifest{})
	attestation.Annotations = map[string]string{oci.AnnotationReferenceType: oci.ReferenceTypeAttestation}
	index.Manifests = append(index.Manifests, attestation)
	return l.Layout, index
}

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	armv7 = v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
)

func TestWrite(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		layers []string
		files  []string
		warns  []string
	}{
		"one file, equal contents":     {"x.cnb", []string{"a", "a"}, []string{"x.cnb"}, []string{"does not contain 1 attestation"}},
		"one file, different contents": {"x.cnb", []string{"a", "b"}, []string{"x.cnb"}, []string{"does not contain 1 attestation", "pack would use those of linux/amd64 for every platform"}},
		"a file for each": {
			"x-{{.OS}}-{{.Arch}}{{.Variant}}.cnb",
			[]string{"a", "b"},
			[]string{"x-linux-amd64.cnb", "x-linux-armv7.cnb"},
			[]string{"does not contain 1 attestation"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, index := layoutOf(t, []v1.Platform{amd64, armv7}, c.layers...)
			dir := t.TempDir()
			var warned []string
			files, err := Write(t.Context(), filepath.Join(dir, c.file), l, index, func(s string) { warned = append(warned, s) })
			if err != nil {
				t.Fatal(err)
			}
			for i, file := range files {
				files[i] = filepath.Base(file)
				s, err := ocilayout.Open(file)
				if err != nil {
					t.Fatal(err)
				}
				listed, err := s.Index(t.Context())
				if err != nil || len(listed.Manifests) != 2/len(files) || listed.Manifests[0].Digest != index.Manifests[i].Digest {
					t.Errorf("%s lists %v, %v", file, listed.Manifests, err)
				}
				s.Close()
			}
			if !slices.Equal(files, c.files) {
				t.Errorf("files %v, want %v", files, c.files)
			}
			if len(warned) != len(c.warns) {
				t.Errorf("warnings %q", warned)
			}
			for i, want := range c.warns[:min(len(c.warns), len(warned))] {
				if !strings.Contains(warned[i], want) {
					t.Errorf("warning %q, want %q", warned[i], want)
				}
			}
		})
	}
}

func TestWriteRefusesOneNameForTwo(t *testing.T) {
	l, index := layoutOf(t, []v1.Platform{amd64, armv7}, "a", "b")
	dir := t.TempDir()
	_, err := Write(t.Context(), filepath.Join(dir, "x-{{.OS}}.cnb"), l, index, nil)
	if !diag.IsInvalid(err) || !strings.Contains(err.Error(), "x-linux.cnb would be the file for both linux/amd64 and linux/arm/v7") {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("wrote %v", left)
	}
}

func TestExpandOthers(t *testing.T) {
	got, err := ExpandOthers("{{.Slug}}-{{.OS}}", func(s string) (string, error) {
		if strings.Contains(s, "{{.OS}}") {
			t.Errorf("the placeholder of the platform is in %q", s)
		}
		return strings.ReplaceAll(s, "{{.Slug}}", "x"), nil
	})
	if err != nil || got != "x-{{.OS}}" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestFilesOfDistros: images of one platform for several distros have a file
// each, and the warning proposes a name that tells them apart.
func TestFilesOfDistros(t *testing.T) {
	l, index := layoutOf(t, []v1.Platform{amd64, amd64, armv7}, "a", "b", "c")
	for i, version := range []string{"22.04", "24.04"} {
		index.Manifests[i].Annotations = map[string]string{extension.AnnotationDistroName: "ubuntu", extension.AnnotationDistroVersion: version}
	}
	dir := t.TempDir()
	var warned []string
	warn := func(s string) { warned = append(warned, s) }
	if _, err := Write(t.Context(), filepath.Join(dir, "x.cnb"), l, index, warn); err != nil {
		t.Fatal(err)
	}
	proposed := filepath.Join(dir, "x-{{.OS}}-{{.Arch}}{{.Variant}}{{.Distro}}.cnb")
	if len(warned) != 2 || !strings.Contains(warned[1], "-o '"+proposed+"'") {
		t.Fatalf("warnings %q", warned)
	}
	files, err := Write(t.Context(), proposed, l, index, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"x-linux-amd64-ubuntu-22.04.cnb", "x-linux-amd64-ubuntu-24.04.cnb", "x-linux-armv7.cnb"} {
		if filepath.Base(files[i]) != want {
			t.Errorf("file %d is %s, want %s", i, files[i], want)
		}
	}
	_, err = Write(t.Context(), filepath.Join(dir, "y-{{.OS}}-{{.Arch}}.cnb"), l, index, nil)
	if err == nil || !strings.Contains(err.Error(), "would be the file for both linux/amd64:ubuntu@22.04 and linux/amd64:ubuntu@24.04") || !strings.Contains(diag.Hint(err), "{{.Distro}}") {
		t.Errorf("got %v", err)
	}
}
