package index

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
)

func TestConvertThereAndBack(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	x := newIndex(t, putImage(o, "amd64"), putImage(o, "arm64"))
	if err := x.Annotate(map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
	before, _ := x.Bytes()
	if err := x.Convert(t.Context(), o, OCI); err != nil {
		t.Fatal(err)
	}
	if after, _ := x.Bytes(); string(after) != string(before) {
		t.Error("converting to what it is changed it")
	}
	if err := x.Convert(t.Context(), o, Docker); err != nil {
		t.Fatal(err)
	}
	list, err := x.asDocument()
	if err != nil || list.MediaType() != oci.MediaTypeDockerIndex || len(list.Annotations()) > 0 || !slices.Equal(list.Dropped(), []string{"a"}) {
		t.Errorf("list is a %s with %v, without %v, %v", list.MediaType(), list.Annotations(), list.Dropped(), err)
	}
	for _, c := range x.Images() {
		raw := read(t, o, c.desc)
		var m v1.Manifest
		if err := json.Unmarshal([]byte(raw), &m); err != nil {
			t.Fatal(err)
		}
		if c.desc.MediaType != oci.MediaTypeDockerManifest || m.MediaType != c.desc.MediaType ||
			m.Config.MediaType != oci.MediaTypeDockerConfig || m.Layers[0].MediaType != oci.MediaTypeDockerLayerGzip ||
			m.Layers[0].Annotations["k"] != "v" || strings.Contains(raw, "oci") {
			t.Errorf("image is %s", raw)
		}
	}
	if err := x.Convert(t.Context(), o, OCI); err != nil {
		t.Fatal(err)
	}
	if after, _ := x.Bytes(); string(after) != string(before) {
		t.Errorf("there and back gives\n%s\nwant\n%s", after, before)
	}
}

func TestConvertMovesAttestationsOfDockerImages(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	x := newIndex(t, putImage(o, "amd64"))
	if err := x.Convert(t.Context(), o, Docker); err != nil {
		t.Fatal(err)
	}
	x.Append(entry(t, putAttestation(o, x.Images()[0].desc)))
	if err := x.Convert(t.Context(), o, OCI); err != nil {
		t.Fatal(err)
	}
	if got := names(x); got != "linux/amd64, about linux/amd64" {
		t.Errorf("index lists %s", got)
	}
}

func TestConvertRefusesWhatDockerCannotExpress(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	image := putImage(o, "amd64")
	artifact := put(o, v1.MediaTypeImageManifest, `{"artifactType":"a"}`)
	artifact.ArtifactType = "a"
	manifest := func(more string) v1.Descriptor {
		d := put(o, v1.MediaTypeImageManifest, `{"schemaVersion":2,"config":{%s},"layers":[]%s}`,
			refer(put(o, v1.MediaTypeImageConfig, "{}")), more)
		d.Platform = &v1.Platform{OS: "linux", Architecture: "arm64"}
		return d
	}
	for name, tc := range map[string]struct {
		x    *Index
		says string
	}{
		"attestation":   {newIndex(t, image, putAttestation(o, image)), "--no-attestations"},
		"artifact":      {newIndex(t, image, artifact), "artifact"},
		"nested":        {newIndex(t, put(o, v1.MediaTypeImageIndex, `{"manifests":[]}`)), "nested index"},
		"image subject": {newIndex(t, manifest(`,"subject":{}`)), "subject"},
		"image type":    {newIndex(t, manifest(`,"artifactType":"a"`)), "artifactType"},
	} {
		if err := tc.x.Convert(t.Context(), o, Docker); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	x := newIndex(t, image)
	if err := x.fields.Set("subject", image); err != nil {
		t.Fatal(err)
	}
	if err := x.Convert(t.Context(), o, Docker); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "subject") {
		t.Error(err)
	}
	odd := put(o, v1.MediaTypeImageManifest, `{"schemaVersion":2,"config":{%s},"layers":[{%s}]}`,
		refer(put(o, v1.MediaTypeImageConfig, "{}")), refer(put(o, "application/vnd.example.layer", "x")))
	odd.Platform = image.Platform
	if err := newIndex(t, odd).Convert(t.Context(), o, Docker); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "vnd.example.layer") {
		t.Error(err)
	}
}

func TestFlatten(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	amd64, arm64 := putImage(o, "amd64"), putImage(o, "arm64")
	inner, err := newIndex(t, arm64, putAttestation(o, arm64)).Put(o)
	if err != nil {
		t.Fatal(err)
	}
	middle, err := newIndex(t, inner, amd64).Put(o)
	if err != nil {
		t.Fatal(err)
	}
	x := newIndex(t, amd64, middle, inner)
	if err := x.Flatten(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got, want := names(x), "linux/amd64, linux/arm64, about linux/arm64"; got != want {
		t.Errorf("index lists %s", got)
	}
	deep := inner
	for range oci.MaxDepth {
		if deep, err = newIndex(t, deep).Put(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := newIndex(t, deep).Flatten(t.Context(), o); !diag.IsInvalid(err) {
		t.Errorf("error is %v", err)
	}
}

func TestCommonAnnotations(t *testing.T) {
	t.Parallel()
	taken := func(annotations map[string]string) *SourceImages {
		x := NewIndex()
		if err := x.Annotate(annotations); err != nil {
			t.Fatal(err)
		}
		return &SourceImages{Index: x}
	}
	image := &SourceImages{}
	got := commonAnnotations([]*SourceImages{
		image, taken(map[string]string{"same": "1", "differs": "1", "only": "1"}), taken(map[string]string{"same": "1", "differs": "2"}),
	})
	if len(got) != 1 || got["same"] != "1" {
		t.Errorf("common are %v", got)
	}
	if got := commonAnnotations([]*SourceImages{taken(nil), taken(map[string]string{"a": "b"})}); len(got) != 0 {
		t.Errorf("common are %v", got)
	}
}

// A foreign list with annotations keeps them; what an edit adds is left out, and
// images that only annotations tell apart are refused.
func TestDockerListAnnotations(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	ubuntu, alma := putImage(o, "amd64"), putImage(o, "amd64")
	distro := func(c *Entry, name string) {
		if err := c.Annotate(map[string]string{extension.AnnotationDistroName: name, extension.AnnotationDistroVersion: "9"}); err != nil {
			t.Fatal(err)
		}
	}
	x := newIndex(t, ubuntu, alma)
	distro(x.Images()[0], "ubuntu")
	distro(x.Images()[1], "alma")
	if err := x.Convert(t.Context(), o, Docker); err != nil {
		t.Fatal(err)
	}
	if _, err := x.asDocument(); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "cannot distinguish linux/amd64:alma@9 from linux/amd64:ubuntu@9") {
		t.Errorf("asDocument returns %v", err)
	}

	raw := `{"schemaVersion":2,"annotations":{"old":"1"},"manifests":[{"mediaType":"` + oci.MediaTypeDockerManifest + `","digest":"` + ubuntu.Digest.String() + `","size":1,"platform":{"os":"linux","architecture":"arm64"},"annotations":{"x":"y"}}]}`
	list, err := ParseIndex(oci.MediaTypeDockerIndex, []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Annotate(map[string]string{"new": "1"}); err != nil {
		t.Fatal(err)
	}
	inFile := list.Clone()
	inFile.inFile = true
	for _, x := range []*Index{list, inFile} {
		added := entry(t, alma)
		distro(added, "alma")
		if err := x.Add(added, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	file, err := finish(t.Context(), Options{}, o, inFile)
	if err != nil || len(file.dropped) > 0 || file.Root.MediaType != v1.MediaTypeImageIndex {
		t.Fatalf("a file has a %s without %v, %v", file.Root.MediaType, file.dropped, err)
	}
	if got := string(file.Raw); !strings.Contains(got, `"new"`) || !strings.Contains(got, "alma") || !strings.Contains(got, v1.MediaTypeImageIndex) {
		t.Errorf("the index of a file is %s", got)
	}
	r, err := finish(t.Context(), Options{}, o, list)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Raw); !strings.Contains(got, `"old"`) || !strings.Contains(got, `"x"`) || strings.Contains(got, `"new"`) || strings.Contains(got, "alma") {
		t.Errorf("list is %s", got)
	}
	if want := []string{extension.AnnotationDistroName, extension.AnnotationDistroVersion, "new"}; !slices.Equal(r.dropped, want) {
		t.Errorf("left out: %v, want %v", r.dropped, want)
	}
}
