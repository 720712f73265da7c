package verify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/oci"
)

// testAttestation is what a build adds to an index for its second image.
type testAttestation struct {
	subject   *v1.Descriptor
	statement any
}

// attested builds a valid package with an attestation as BuildKit writes it, in
// which change changes one thing.
func attested(t *testing.T, change func(a *testAttestation)) (*layouttest.Layout, v1.Descriptor) {
	t.Helper()
	l, root := validPackage().build(t)
	index, _, err := oci.ReadIndex(t.Context(), l, root)
	if err != nil {
		t.Fatal(err)
	}
	image := index.Manifests[1]
	named := map[string]any{"name": "pkg:docker/x", "digest": map[string]string{"sha256": image.Digest.Encoded()}}
	a := &testAttestation{
		subject:   &v1.Descriptor{MediaType: image.MediaType, Digest: image.Digest, Size: image.Size},
		statement: map[string]any{"_type": "https://in-toto.io/Statement/v0.1", "subject": []any{named, named}},
	}
	if change != nil {
		change(a)
	}
	manifest := v1.Manifest{
		MediaType: v1.MediaTypeImageManifest,
		Config:    l.JSON(v1.MediaTypeImageConfig, v1.Image{Platform: v1.Platform{OS: "unknown", Architecture: "unknown"}}),
		Layers:    []v1.Descriptor{l.JSON(oci.MediaTypeStatement, a.statement)},
		Subject:   a.subject,
	}
	manifest.SchemaVersion = 2
	desc := l.JSON(v1.MediaTypeImageManifest, manifest)
	desc.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{
		oci.AnnotationReferenceType:   oci.ReferenceTypeAttestation,
		oci.AnnotationReferenceDigest: image.Digest.String(),
	}
	index.Manifests = append(index.Manifests, desc)
	return l, l.JSON(v1.MediaTypeImageIndex, index)
}

func TestAttestations(t *testing.T) {
	t.Parallel()
	digested := func(hex string) map[string]any {
		return map[string]any{"subject": []any{map[string]any{"digest": map[string]string{"sha256": hex}}}}
	}
	other := strings.Repeat("a", 64)
	for name, m := range map[string]struct {
		change      func(a *testAttestation)
		id, message string
		// early is whether it is found without reading layers.
		early bool
	}{
		"valid":                 {nil, "", "", true},
		"no manifest subject":   {func(a *testAttestation) { a.subject = nil }, "", "", true},
		"subject of another":    {func(a *testAttestation) { a.subject.Digest = v1.DescriptorEmptyJSON.Digest }, idAttestationSubject, "but its manifest's subject is sha256:44136fa3", true},
		"subject of other size": {func(a *testAttestation) { a.subject.Size++ }, idAttestationSubject, "but its manifest's subject is", true},
		"statement on another":  {func(a *testAttestation) { a.statement = digested(other) }, idAttestationSubject, "which is not among the subjects of its statement", false},
		"statement on nothing":  {func(a *testAttestation) { a.statement = map[string]any{"subject": nil} }, idAttestationUnnamed, "has no subject", false},
		"no statement":          {func(a *testAttestation) { a.statement = "hello" }, idAttestationSubject, "the statement is not valid", false},
	} {
		t.Run(name, func(t *testing.T) {
			l, root := attested(t, m.change)
			for _, noLayers := range []bool{false, true} {
				found, err := Check(t.Context(), l, root, Options{NoLayers: noLayers})
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case m.id == "" || noLayers && !m.early:
					if len(found) != 0 {
						t.Errorf("findings:\n%s", lines(found))
					}
				case len(found) != 1 || found[0].ID != m.id || !strings.Contains(found[0].Message, m.message):
					t.Errorf("want one %s with %q, findings:\n%s", m.id, m.message, lines(found))
				}
			}
		})
	}
}

// TestNoLayersAsksForThem: without reading layers it is still known whether
// they are there, from sources that can tell.
func TestNoLayersAsksForThem(t *testing.T) {
	t.Parallel()
	l, root := attested(t, nil)
	var read []string
	src := counting{l, func(desc v1.Descriptor) { read = append(read, desc.MediaType) }, "", nil}
	if found, err := Check(t.Context(), src, root, Options{NoLayers: true}); err != nil || len(found) != 0 {
		t.Errorf("%v, findings:\n%s", err, lines(found))
	}
	for _, mediaType := range read {
		if oci.IsLayer(mediaType) || mediaType == oci.MediaTypeStatement {
			t.Errorf("read a %s", mediaType)
		}
	}
	for _, missing := range []string{v1.MediaTypeImageLayerGzip, oci.MediaTypeStatement} {
		src.missing = missing
		found, err := Check(t.Context(), src, root, Options{NoLayers: true})
		want := 1
		if missing == v1.MediaTypeImageLayerGzip {
			want = 2 // images
		}
		if err != nil || len(found) != want || found[0].ID != idContent || !strings.Contains(found[0].Message, "is missing") {
			t.Errorf("%v, findings:\n%s", err, lines(found))
		}
	}
	src.err = errors.New("connection reset")
	if _, err := Check(t.Context(), src, root, Options{NoLayers: true}); !errors.Is(err, src.err) {
		t.Errorf("got %v", err)
	}
}

// counting tells what is read, and hides what is of a media type.
type counting struct {
	*layouttest.Layout
	read    func(v1.Descriptor)
	missing string
	err     error
}

func (c counting) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	c.read(desc)
	return c.Layout.Fetch(ctx, desc)
}

func (c counting) Exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	if desc.MediaType == c.missing {
		return false, c.err
	}
	return c.Layout.Exists(ctx, desc)
}

// TestBrokenContentIsAFinding: broken content is a finding for every source.
func TestBrokenContentIsAFinding(t *testing.T) {
	t.Parallel()
	l, root := validPackage().build(t)
	corrupt := diag.Invalidf("has other content") // as sources blame content
	for _, failing := range []string{v1.MediaTypeImageIndex, v1.MediaTypeImageManifest, v1.MediaTypeImageConfig, v1.MediaTypeImageLayerGzip} {
		src := content.FetcherFunc(func(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
			rc, err := l.Fetch(ctx, desc)
			if desc.MediaType != failing || err != nil {
				return rc, err
			}
			return struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(rc, desc.Size/2), failingReader{corrupt}), rc}, nil
		})
		found, err := Check(t.Context(), src, root, Options{})
		want := 2
		if failing == v1.MediaTypeImageIndex {
			want = 1
		}
		if err != nil || len(found) != want {
			t.Errorf("%s: %v, findings:\n%s", failing, err, lines(found))
		}
		for _, f := range found {
			if f.ID != idContent || !strings.Contains(f.Message, "has other content") {
				t.Errorf("%s: %s", failing, f)
			}
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	l, root := attested(t, nil)
	done := map[string]*Report{}
	for name, opts := range map[string]Options{"": {}, "no layers": {NoLayers: true}, "promise": {Promise: validPackage().promise}} {
		r, err := Package(t.Context(), l, "x", root, opts)
		if err != nil {
			t.Fatal(err)
		}
		done[name] = r
	}
	r := done[""]
	if r.Extension == nil || r.Extension.ID != testID || r.Extension.API != "0.10" || r.Digest != root.Digest || r.Attestations != 1 || !r.Layers {
		t.Errorf("got %+v", r)
	}
	if len(r.Platforms) != 2 || r.Platforms[1].Platform != "linux/arm64" {
		t.Errorf("platforms %v", r.Platforms)
	}
	raw, err := json.Marshal(r)
	if err != nil || !strings.HasSuffix(string(raw), `"findings":[]}`) {
		t.Errorf("%v: %s", err, raw)
	}
	all := len(Checks())
	if got := len(r.Checks); got != all-5 { // what was promised
		t.Errorf("%d of %d checks", got, all)
	}
	if got := len(done["promise"].Checks); got != all-1 {
		t.Errorf("%d of %d checks with a promise", got, all)
	}
	if got := len(done["no layers"].Checks); got >= all-10 || done["no layers"].Layers {
		t.Errorf("%d of %d checks without layers", got, all)
	}
}
