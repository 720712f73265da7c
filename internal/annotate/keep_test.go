package annotate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
)

// attested returns a layout as a second build writes it: the images of sources
// with labels and annotations, each with an attestation. It returns the entries of
// both too.
func attested(t *testing.T, sources []annotate.Source, labels map[int]map[string]string, annotations map[string]string) (l *layouttest.Layout, images, attestations []v1.Descriptor) {
	t.Helper()
	l = layouttest.New(t)
	for _, s := range sources {
		index, err := s.Layout.Index(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for n, desc := range index.Manifests {
			manifest, _, err := oci.ReadManifest(t.Context(), s.Layout, desc)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Import(t.Context(), s.Layout, manifest.Layers[0]); err != nil {
				t.Fatal(err)
			}
			config, _, err := oci.ReadConfig(t.Context(), s.Layout, manifest.Config)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range s.Images[n:] {
				config.Config.Labels = labels[i]
				config.Architecture = []string{"amd64", "arm64"}[i]
				manifest.Config, manifest.Annotations = l.JSON(v1.MediaTypeImageConfig, config), annotations
				image := l.JSON(v1.MediaTypeImageManifest, manifest)
				image.Platform = &v1.Platform{OS: "linux", Architecture: config.Architecture}
				images = append(images, image)
				attestations = append(attestations, attestation(l, image))
				if !s.Shared {
					break
				}
			}
		}
	}
	if err := l.WriteIndex(v1.Index{Manifests: slices.Concat(images, attestations)}); err != nil {
		t.Fatal(err)
	}
	return l, images, attestations
}

func attestation(l *layouttest.Layout, image v1.Descriptor) v1.Descriptor {
	statement := l.Bytes(oci.MediaTypeStatement, []byte(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2","subject":[{"name":"x","digest":{"sha256":"`+image.Digest.Encoded()+`"}}],"predicate":{}}`))
	desc := l.Image(v1.Image{Platform: v1.Platform{OS: "unknown", Architecture: "unknown"}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{statement.Digest}}}, statement)
	desc.Annotations = map[string]string{oci.AnnotationReferenceType: oci.ReferenceTypeAttestation, oci.AnnotationReferenceDigest: image.Digest.String()}
	return desc
}

// TestAttested: an image that a build has attested with its labels is published
// as it is. Another one is changed, and its attestation follows it.
func TestAttested(t *testing.T) {
	t.Parallel()
	placed := map[string]string{"m": "1"} // of the plan
	for name, tt := range map[string]struct {
		labels      func(own map[int]map[string]string)
		annotations map[string]string
		opts        annotate.Options
		kept        bool
	}{
		"as planned":            {annotations: placed, kept: true},
		"another label":         {annotations: placed, labels: func(own map[int]map[string]string) { own[0]["team"], own[1]["team"] = "x", "x" }},
		"without an annotation": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := planOf(t, "linux/amd64", "linux/arm64")
			sources := build(t, e)
			labels, err := annotate.Labels(t.Context(), e, sources)
			if err != nil {
				t.Fatal(err)
			}
			if tt.labels != nil {
				tt.labels(labels)
			}
			l, images, attestations := attested(t, sources, labels, tt.annotations)
			pkg, err := annotate.Make(t.Context(), newLayout(t), e, []annotate.Source{{Layout: l.Layout, Images: []int{0, 1}}}, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			for i, image := range pkg.Images {
				if kept := image.Descriptor.Digest == images[i].Digest; kept != tt.kept {
					t.Errorf("image %d: kept %v", i, kept)
				}
				if d := image.Descriptor; d.Platform.Architecture != images[i].Platform.Architecture || d.Annotations["d"] != "2" {
					t.Errorf("image %d is listed as %+v", i, d)
				}
				follows := pkg.Index.Manifests[len(images)+i]
				if follows.Annotations[oci.AnnotationReferenceDigest] != image.Descriptor.Digest.String() {
					t.Errorf("the attestation is about %s", follows.Annotations[oci.AnnotationReferenceDigest])
				}
				if kept := follows.Digest == attestations[i].Digest; kept != tt.kept {
					t.Errorf("attestation %d: kept %v", i, kept)
				}
				manifest, _, err := oci.ReadManifest(t.Context(), pkg.Layout, follows)
				if err != nil {
					t.Fatal(err)
				}
				statement, err := oci.ReadBytes(t.Context(), pkg.Layout, manifest.Layers[0], 1<<20)
				if err != nil || !strings.Contains(string(statement), image.Descriptor.Digest.Encoded()) {
					t.Errorf("the statement is %s, %v", statement, err)
				}
			}
		})
	}
}

// TestDiffIDs: the diffIDs are those of the package, in plan order.
func TestDiffIDs(t *testing.T) {
	t.Parallel()
	e := planOf(t, "linux/amd64", "linux/arm64")
	sources := build(t, e)
	ids, err := annotate.DiffIDs(t.Context(), e, sources)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := annotate.Make(t.Context(), newLayout(t), e, sources, annotate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, image := range pkg.Images {
		if ids[i] != image.DiffID {
			t.Errorf("image %d: got %s, want %s", i, ids[i], image.DiffID)
		}
	}
	other := planOf(t, "linux/s390x")
	if _, err := annotate.DiffIDs(t.Context(), &plan.Extension{Descriptor: other.Descriptor, Images: other.Images}, []annotate.Source{{Layout: sources[0].Layout, Images: []int{0}}}); err == nil {
		t.Error("an image for another platform was taken")
	}
}
