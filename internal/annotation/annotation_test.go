package annotation_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/docker/buildx/util/buildflags"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
)

var amd64, arm64 = v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "linux", Architecture: "arm64"}

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
				same := key.Platform == nil && a.Platform == nil || key.Platform != nil && a.Platform != nil && key.Platform.Architecture == a.Platform.Architecture
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

func TestAt(t *testing.T) {
	list, err := annotation.Parse("--annotation", []string{"i=1", "manifest:m=2", "manifest[linux/arm64]:m=3", "manifest-descriptor[linux/arm64]:d=4"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		place annotation.Place
		of    v1.Platform
		want  map[string]string
	}{
		{annotation.Index, v1.Platform{}, map[string]string{"i": "1"}},
		{annotation.Manifest, amd64, map[string]string{"m": "2"}},
		{annotation.Manifest, arm64, map[string]string{"m": "3"}},
		{annotation.ManifestDescriptor, amd64, nil},
		{annotation.ManifestDescriptor, arm64, map[string]string{"d": "4"}},
	} {
		if got := list.At(tt.place, tt.of); !maps.Equal(got, tt.want) {
			t.Errorf("%s of %v: got %v", tt.place, tt.of, got)
		}
	}
	if a := list.Unmatched([]v1.Platform{amd64}); a == nil || a.Key != "m" || a.String() != "manifest[linux/arm64]:m=3" {
		t.Errorf("got %v", a)
	}
	if a := list.Unmatched([]v1.Platform{amd64, arm64}); a != nil {
		t.Errorf("got %v", a)
	}
}
