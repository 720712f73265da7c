package annotation_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/docker/buildx/util/buildflags"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

var amd64, arm64 = platform.Identity{OS: "linux", Architecture: "amd64"}, platform.Identity{OS: "linux", Architecture: "arm64"}

// TestParse compares with buildx's own reader of the forms.
func TestParse(t *testing.T) {
	for _, text := range []string{
		"index:a=b", "manifest:a=b=c", "manifest[linux/amd64]:a=b", "manifest-descriptor:a=", "manifest-descriptor[linux/arm/v7]:a=b", "index-descriptor:a=b",
		"index,manifest:a=b", "manifest[linux/amd64],manifest-descriptor[linux/arm64]:a=b", "index:a:b=c",
	} {
		list, err := annotation.Parse("--annotation", []string{text})
		want, buildxErr := buildflags.ParseAnnotations([]string{text})
		if err != nil || buildxErr != nil || len(list) != len(want) {
			t.Errorf("%s: got %v, %v; buildx %v, %v", text, list, err, want, buildxErr)
			continue
		}
		for _, a := range list {
			found := false
			for key, value := range want {
				same := key.Platform == nil && a.Image == nil || key.Platform != nil && a.Image != nil && key.Platform.Architecture == a.Image.Architecture
				found = found || same && key.Type == string(a.Place) && key.Key == a.Key && value == a.Value
			}
			if !found || !a.Explicit {
				t.Errorf("%s: got %+v, buildx %v", text, a, want)
			}
		}
	}
	if list, err := annotation.Parse("--annotation", []string{"a.b/c=d"}); err != nil || len(list) != 1 || list[0].Place != annotation.Index || list[0].Explicit {
		t.Errorf("without a place: got %v, %v", list, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"a", "=b", "index:=b", "nowhere:a=b", "manifest[linux/amd46]:a=b", "manifest[]:a=b", "index[linux/amd64]:a=b", "Index:a=b", ":a=b", "manifest[linux/amd64:a=b"} {
		if _, err := annotation.Parse("--annotation", []string{text}); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "manifest[linux/amd64]:KEY=VALUE") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// Text that JSON would change, or that a terminal acts on, is refused.
func TestParseRefusesText(t *testing.T) {
	for text, want := range map[string]string{"a=\xff": "it is not valid UTF-8", "\xff=a": "it is not valid UTF-8", "a\nb=c": "the key contains a control character", "manifest:\x1b=c": "the key contains a control character"} {
		if _, err := annotation.Parse("--annotation", []string{text}); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "--annotation ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if _, err := annotation.Parse("--annotation", []string{"a=b\nc"}); err != nil {
		t.Errorf("a value of two lines: %v", err)
	}
}

func TestAt(t *testing.T) {
	list, err := annotation.Parse("--annotation", []string{"i=1", "manifest:m=2", "manifest[linux/arm64]:m=3", "manifest-descriptor[linux/arm64]:d=4"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		place annotation.Place
		of    platform.Identity
		want  map[string]string
	}{
		{annotation.Index, platform.Identity{}, map[string]string{"i": "1"}},
		{annotation.Manifest, amd64, map[string]string{"m": "2"}},
		{annotation.Manifest, arm64, map[string]string{"m": "3"}},
		{annotation.ManifestDescriptor, amd64, nil},
		{annotation.ManifestDescriptor, arm64, map[string]string{"d": "4"}},
	} {
		if got := list.At(tt.place, tt.of); !maps.Equal(got, tt.want) {
			t.Errorf("%s of %v: got %v", tt.place, tt.of, got)
		}
	}
	if a := list.Unmatched([]platform.Identity{amd64}); a == nil || a.Key != "m" || a.String() != "manifest[linux/arm64]:m=3" {
		t.Errorf("got %v", a)
	}
	if a := list.Unmatched([]platform.Identity{amd64, arm64}); a != nil {
		t.Errorf("got %v", a)
	}
}

// A distro tells images of one platform apart. Buildx knows none.
func TestDistros(t *testing.T) {
	ubuntu := func(version string) platform.Identity {
		id := amd64
		id.OSVersion, id.Distro = version, extension.Distro{Name: "ubuntu", Version: version}
		return id
	}
	for _, place := range []string{"linux/amd64:ubuntu@24.04", "linux(24.04)/amd64:ubuntu@24.04", "linux/amd64 (os.version 24.04)", "linux(24.04)/amd64"} {
		list, err := annotation.Parse("--annotation", []string{"manifest[" + place + "]:a:b=c"})
		if err != nil {
			t.Errorf("%s: %v", place, err)
			continue
		}
		if got := list.At(annotation.Manifest, ubuntu("24.04")); got["a:b"] != "c" {
			t.Errorf("%s: got %v", place, got)
		}
		if got := list.At(annotation.Manifest, ubuntu("22.04")); got != nil {
			t.Errorf("%s: the other distro has %v", place, got)
		}
		if got := list[0].Buildx(); got != "manifest[linux/amd64]:a:b=c" {
			t.Errorf("%s: buildx reads %s", place, got)
		}
		again, err := annotation.Parse("--annotation", []string{list[0].String()})
		if err != nil || again.At(annotation.Manifest, ubuntu("24.04"))["a:b"] != "c" {
			t.Errorf("%s: written as %s: %v", place, list[0], err)
		}
	}
}
