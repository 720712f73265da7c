package inspect

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/oci"
)

var amd64, arm64 = v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}

type builder struct {
	*testing.T
	*layouttest.Layout
}

func newBuilder(t *testing.T) builder {
	t.Helper()
	return builder{t, layouttest.New(t)}
}

func (b builder) image(p v1.Platform, labels map[string]string, layers ...string) v1.Descriptor {
	b.Helper()
	config := v1.Image{Platform: p, Config: v1.ImageConfig{Labels: labels}}
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Annotations: map[string]string{"of": "the manifest"}}
	m.SchemaVersion = 2
	m.Config = b.JSON(v1.MediaTypeImageConfig, config)
	for _, text := range layers {
		m.Layers = append(m.Layers, b.Bytes(v1.MediaTypeImageLayer, []byte(text)))
	}
	return b.JSON(v1.MediaTypeImageManifest, m)
}

func (b builder) index(annotations map[string]string, manifests ...v1.Descriptor) v1.Descriptor {
	b.Helper()
	index := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: manifests, Annotations: annotations}
	index.SchemaVersion = 2
	return b.JSON(v1.MediaTypeImageIndex, index)
}

func (b builder) report(root v1.Descriptor) *Report {
	b.Helper()
	r, err := Package(context.Background(), b.Layout, "the name", root)
	if err != nil {
		b.Fatal(err)
	}
	if r.Name != "the name" || r.Digest != root.Digest || r.MediaType != root.MediaType {
		b.Errorf("not about the root: %+v", r)
	}
	return r
}

func labels(t *testing.T) map[string]string {
	t.Helper()
	d := extension.Descriptor{API: "0.10", Info: extension.Info{
		ID: "samples/curl", Version: "0.0.1", Name: "Curl", Homepage: "https://example.com", Description: "installs curl",
	}}
	metadata, err1 := d.MetadataLabel()
	layers, err2 := d.LayersLabel("sha256:d1ff")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return map[string]string{extension.LabelMetadata: metadata, extension.LabelLayers: layers}
}

var curl = &Extension{
	ID: "samples/curl", Version: "0.0.1", API: "0.10", Name: "Curl", Homepage: "https://example.com", Description: "installs curl",
}

func TestSingleImage(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	root := b.image(arm64, labels(t), "12345", "678")
	r := b.report(root)
	if !reflect.DeepEqual(r.Extension, curl) || !reflect.DeepEqual(r.Annotations, map[string]string{"of": "the manifest"}) {
		t.Errorf("%+v %v", r.Extension, r.Annotations)
	}
	if len(r.Platforms) != 1 {
		t.Fatalf("%+v", r.Platforms)
	}
	manifest, _, err := oci.ReadManifest(t.Context(), b.Layout, root)
	if err != nil {
		t.Fatal(err)
	}
	want := Platform{
		Platform: "linux/arm64/v8", Digest: root.Digest, Layers: 2, DiffID: "sha256:d1ff",
		Size: root.Size + manifest.Config.Size + 8,
	}
	if got := r.Platforms[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	good := labels(t)
	for name, tc := range map[string]struct {
		labels map[string]string
		want   *Extension
	}{
		"none":           {nil, nil},
		"others":         {map[string]string{"io.buildpacks.stack.id": "x"}, nil},
		"broken layers":  {map[string]string{extension.LabelLayers: "{"}, nil},
		"no extension":   {map[string]string{extension.LabelLayers: "{}"}, nil},
		"no version":     {map[string]string{extension.LabelLayers: `{"a":{}}`}, nil},
		"two extensions": {map[string]string{extension.LabelLayers: `{"a":{"1":{}},"b":{"1":{}}}`}, nil},
		"two versions":   {map[string]string{extension.LabelLayers: `{"a":{"1":{},"2":{}}}`}, nil},
		"another type":   {map[string]string{extension.LabelLayers: `["a"]`}, nil},
		"no metadata": {
			map[string]string{extension.LabelLayers: `{"a":{"1":{"api":"0.9"}}}`},
			&Extension{ID: "a", Version: "1", API: "0.9"},
		},
		"broken metadata": {
			map[string]string{extension.LabelLayers: `{"a":{"1":{}}}`, extension.LabelMetadata: "{"},
			&Extension{ID: "a", Version: "1"},
		},
		"good": {good, curl},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(t)
			r := b.report(b.image(amd64, tc.labels))
			if !reflect.DeepEqual(r.Extension, tc.want) || len(r.Platforms) != 1 {
				t.Errorf("got %+v, %d platforms", r.Extension, len(r.Platforms))
			}
		})
	}
}

// The first image that has labels says what the package is.
func TestIndex(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	plain, labelled := b.image(amd64, nil), b.image(amd64, labels(t))
	plain.Platform = &arm64
	labelled.Platform = &v1.Platform{OS: "linux", Architecture: "amd64", OSVersion: "24.04"}
	labelled.Annotations = map[string]string{
		extension.AnnotationDistroName: "ubuntu", extension.AnnotationDistroVersion: "24.04", "own": "x",
	}
	r := b.report(b.index(map[string]string{"title": "t"}, plain, labelled))
	if !reflect.DeepEqual(r.Extension, curl) || r.Annotations["title"] != "t" || len(r.Platforms) != 2 {
		t.Fatalf("%+v", r)
	}
	// what the index says of an image counts, not what its config says
	if p := r.Platforms[0]; p.Platform != "linux/arm64/v8" || p.DiffID != "" {
		t.Errorf("%+v", p)
	}
	if p := r.Platforms[1]; p.Platform != "linux/amd64" || p.OSVersion != "24.04" || p.DistroName != "ubuntu" ||
		p.DistroVersion != "24.04" || p.Annotations["own"] != "x" {
		t.Errorf("%+v", p)
	}
}

func TestNestedIndexAndAttestations(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	image := b.image(amd64, labels(t), "x")
	image.Platform = &amd64
	attestation := b.image(v1.Platform{OS: "unknown", Architecture: "unknown"}, nil, "provenance")
	attestation.Annotations = map[string]string{
		oci.AnnotationReferenceType:   oci.ReferenceTypeAttestation,
		oci.AnnotationReferenceDigest: image.Digest.String(),
	}
	artifact := b.JSON("application/vnd.example.thing+json", "thing")
	r := b.report(b.index(nil, b.index(map[string]string{"inner": "x"}, image, attestation), artifact))
	if len(r.Platforms) != 1 || r.Attestations != 1 || r.Extension == nil || len(r.Annotations) != 0 {
		t.Errorf("%+v", r)
	}
	// JSON readers get a list, never null.
	if r := b.report(b.index(nil)); r.Platforms == nil || len(r.Platforms) != 0 || r.Extension != nil {
		t.Errorf("%+v", r)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	gone := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromString("gone"), Size: 4}
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: v1.Descriptor{
		MediaType: v1.MediaTypeImageConfig, Digest: digest.FromString("no config"), Size: 9,
	}}
	m.SchemaVersion = 2
	for name, tc := range map[string]struct {
		root  v1.Descriptor
		words string
	}{
		"no package":         {b.JSON("application/vnd.example+json", "x"), "neither an image nor an index"},
		"missing root":       {gone, "manifest " + gone.Digest.String() + " is missing"},
		"missing image":      {b.index(nil, gone), "manifest " + gone.Digest.String() + " is missing"},
		"missing config":     {b.JSON(v1.MediaTypeImageManifest, m), "config "},
		"not JSON":           {b.index(nil, b.JSON(v1.MediaTypeImageManifest, "text")), "manifest sha256:"},
		"missing root index": {v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: gone.Digest, Size: 4}, "index "},
	} {
		r, err := Package(t.Context(), b.Layout, "the name", tc.root)
		if r != nil || !diag.IsInvalid(err) || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
