package pipeline

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
)

// Programs read the file: its names and lists are a promise.
func TestWriteMetadata(t *testing.T) {
	t.Parallel()
	d := digest.FromString("")
	desc := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: d, Size: 3}
	results := []Result{
		{
			Extension:  &plan.Extension{Descriptor: &extension.Descriptor{Info: extension.Info{ID: "a/b", Version: "1.2.3"}}},
			Root:       desc,
			Images:     []annotate.Image{{Platform: v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, Descriptor: desc, DiffID: d}},
			References: []string{"example.com/a:1@" + d.String()},
		},
		{Extension: &plan.Extension{Descriptor: &extension.Descriptor{}}},
	}
	file := filepath.Join(t.TempDir(), "m.json")
	if err := WriteMetadata(t.Context(), file, results); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const sha = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	const descriptor = `"descriptor": {
      "mediaType": "application/vnd.oci.image.index.v1+json",
      "digest": "` + sha + `",
      "size": 3
    }`
	want := `[
  {
    "id": "a/b",
    "version": "1.2.3",
    ` + descriptor + `,
    "references": [
      "example.com/a:1@` + sha + `"
    ],
    "platforms": [
      {
        "platform": "linux/arm/v7",
        "descriptor": {
          "mediaType": "application/vnd.oci.image.index.v1+json",
          "digest": "` + sha + `",
          "size": 3
        },
        "layerDiffID": "` + sha + `"
      }
    ]
  },
  {
    "id": "",
    "version": "",
    "descriptor": {
      "mediaType": "",
      "digest": "",
      "size": 0
    },
    "references": [],
    "platforms": []
  }
]
`
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
