package annotate

import (
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/index"
)

// TestApply writes annotations to their places, of the images that they name
// and no other. Of two images for one platform the distro names one.
func TestApply(t *testing.T) {
	t.Parallel()
	s := newStore()
	distro := func(version string, files ...file) v1.Descriptor {
		d := s.image(t, image{layers: [][]file{files}})
		d.Platform.OSVersion = version
		d.Annotations = map[string]string{extension.AnnotationDistroName: "ubuntu", extension.AnnotationDistroVersion: version}
		return d
	}
	root := s.index(t, v1.MediaTypeImageIndex, `,"x-kept":1`,
		s.image(t, image{arch: "arm64"}), distro("22.04", file{"a", "22"}), distro("24.04", file{"a", "24"}))
	for _, tt := range []struct{ annotations, want string }{
		{"x=1", "index"},
		{"index:x=1", "index"},
		{"manifest:x=1", "manifest0 manifest1 manifest2"},
		{"manifest[linux/amd64]:x=1", "manifest1 manifest2"},
		{"manifest[linux/amd64:ubuntu@24.04]:x=1", "manifest2"},
		{"manifest[linux(22.04)/amd64:ubuntu@22.04]:x=1", "manifest1"},
		{"manifest-descriptor[linux/amd64:ubuntu@22.04]:x=1", "entry1"},
		{"manifest-descriptor[linux/amd64 (os.version 24.04)]:x=1", "entry2"},
		{"index,manifest[linux/arm64]:x=1 manifest-descriptor:x=1", "index entry0 manifest0 entry1 entry2"},
	} {
		list, err := annotation.Parse("--annotation", splitFlags(tt.annotations))
		if err != nil {
			t.Fatal(err)
		}
		o := index.NewStaging(s)
		x, err := index.ReadIndex(t.Context(), o, root)
		if err != nil {
			t.Fatal(err)
		}
		if err := Apply(t.Context(), o, x, list); err != nil {
			t.Errorf("%s: %v", tt.annotations, err)
			continue
		}
		done, err := x.Put(o)
		if err != nil {
			t.Fatal(err)
		}
		if raw := readRaw(t, o, done); !strings.Contains(string(raw), `"x-kept":1`) {
			t.Errorf("%s: the index is %s", tt.annotations, raw)
		}
		if got := placesOf(t, o, done); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.annotations, got, tt.want)
		}
	}
}

// splitFlags splits values of a flag, of which an os.version has a space.
func splitFlags(s string) []string {
	return strings.Split(strings.ReplaceAll(s, "=1 ", "=1\n"), "\n")
}

// placesOf returns where an annotation x=1 is in an index and its images.
func placesOf(t *testing.T, s *index.Staging, root v1.Descriptor) string {
	t.Helper()
	doc, manifests, _ := images(t, s, root)
	var places []string
	add := func(place string, annotations map[string]string) {
		if annotations["x"] == "1" {
			places = append(places, place)
		}
	}
	add("index", doc.Annotations)
	for i, m := range manifests {
		n := string(rune('0' + i))
		add("entry"+n, doc.Manifests[i].Annotations)
		add("manifest"+n, m.Annotations)
	}
	return strings.Join(places, " ")
}

// TestApplyRefuses places that an index does not have.
func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	s := newStore()
	root := s.index(t, v1.MediaTypeImageIndex, "", s.image(t, image{}))
	for text, want := range map[string]string{
		"manifest[linux/s390x]:x=1":              "has no image for that platform",
		"manifest[linux/amd64:ubuntu@24.04]:x=1": "has no image for that platform",
		"index-descriptor:x=1":                   "only an OCI layout directory",
	} {
		list, err := annotation.Parse("--annotation", []string{text})
		if err != nil {
			t.Fatal(err)
		}
		o := index.NewStaging(s)
		x, err := index.ReadIndex(t.Context(), o, root)
		if err != nil {
			t.Fatal(err)
		}
		if err := Apply(t.Context(), o, x, list); !diag.IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// TestExplicit divides annotations by whether their place was named.
func TestExplicit(t *testing.T) {
	t.Parallel()
	list, err := annotation.Parse("--annotation", []string{"index:a=1", "b=2", "manifest:c=3"})
	if err != nil {
		t.Fatal(err)
	}
	keys := func(list annotation.List) (keys []string) {
		for _, a := range list {
			keys = append(keys, a.Key)
		}
		return keys
	}
	named, others := Explicit(list)
	if !slices.Equal(keys(named), []string{"a", "c"}) || !slices.Equal(keys(others), []string{"b"}) {
		t.Errorf("got %v and %v", named, others)
	}
}
