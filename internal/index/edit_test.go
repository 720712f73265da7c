package index

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// put stores a document written by hand.
func put(s *Staging, mediaType, format string, args ...any) v1.Descriptor {
	return s.Put(mediaType, fmt.Appendf(nil, format, args...))
}

func refer(d v1.Descriptor) string {
	return fmt.Sprintf(`"mediaType":%q,"digest":%q,"size":%d`, d.MediaType, d.Digest, d.Size)
}

// putImage makes an OCI image with unknown fields.
func putImage(s *Staging, arch string) v1.Descriptor {
	config := put(s, v1.MediaTypeImageConfig,
		`{"x-first":1,"architecture":%q,"os":"linux","config":{"Labels":{"a":"<1>"},"x":2},"rootfs":{"type":"layers","diff_ids":[]}}`, arch)
	layer := put(s, v1.MediaTypeImageLayerGzip, "layer of %s", arch)
	desc := put(s, v1.MediaTypeImageManifest,
		`{"schemaVersion":2,"mediaType":%q,"x":{"b":1,"a":2},"config":{%s,"x":1},"layers":[{%s,"annotations":{"k":"v"}}]}`,
		v1.MediaTypeImageManifest, refer(config), refer(layer))
	desc.Platform = &v1.Platform{OS: "linux", Architecture: arch}
	return desc
}

// putAttestation makes what BuildKit makes about an image.
func putAttestation(s *Staging, image v1.Descriptor) v1.Descriptor {
	return attestationOf(s, image, put(s, oci.MediaTypeStatement,
		`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"n","digest":{"sha256":%q}},{"name":"other","digest":{"sha256":"00"}}],"predicate":{"html":"<b>"}}`,
		image.Digest.Encoded()))
}

func attestationOf(s *Staging, image, statement v1.Descriptor) v1.Descriptor {
	config := put(s, v1.MediaTypeImageConfig, `{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":[%q]}}`, statement.Digest)
	desc := put(s, v1.MediaTypeImageManifest,
		`{"schemaVersion":2,"mediaType":%q,"config":{%s},"layers":[{%s,"annotations":{"in-toto.io/predicate-type":"p"}}],"subject":{%s},"x":1}`,
		v1.MediaTypeImageManifest, refer(config), refer(statement), refer(image))
	desc.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{
		oci.AnnotationReferenceType:   oci.ReferenceTypeAttestation,
		oci.AnnotationReferenceDigest: image.Digest.String(),
		"x":                           "y",
	}
	return desc
}

func entry(t *testing.T, desc v1.Descriptor) *Entry {
	t.Helper()
	c, err := NewEntry(desc)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newIndex(t *testing.T, descs ...v1.Descriptor) *Index {
	t.Helper()
	x := NewIndex()
	for _, d := range descs {
		x.Append(entry(t, d))
	}
	return x
}

// names returns what an index lists, in a short form.
func names(x *Index) string {
	var out []string
	for _, c := range x.Entries() {
		switch c.Kind() {
		case oci.KindImage:
			out = append(out, c.Identity().String())
		case oci.KindAttestation:
			about := "nothing"
			for _, image := range x.Images() {
				if c.attests(image.desc) {
					about = image.Identity().String()
				}
			}
			out = append(out, "about "+about)
		default:
			out = append(out, "other")
		}
	}
	return strings.Join(out, ", ")
}

func read(t *testing.T, s *Staging, desc v1.Descriptor) string {
	t.Helper()
	raw, err := oci.ReadBytes(t.Context(), s, desc, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func label(value string) func(*oci.Object) error {
	return func(config *oci.Object) error {
		return config.Edit("config", func(c *oci.Object) error {
			return c.Edit("Labels", func(l *oci.Object) error { return l.Merge(map[string]string{"b": value}) })
		})
	}
}

func TestRewriteImageKeepsTheRest(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	old := putImage(o, "amd64")
	old.Annotations = map[string]string{"k": "v"}
	desc, err := RewriteImage(t.Context(), o, old, label("2"))
	if err != nil {
		t.Fatal(err)
	}
	if desc.Digest == old.Digest || desc.Platform != old.Platform || desc.Annotations["k"] != "v" {
		t.Errorf("descriptor is %+v", desc)
	}
	var m v1.Manifest
	raw := read(t, o, desc)
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(read(t, o, m.Config), `,"b":"2"`, "", 1)
	oldRaw := read(t, o, old)
	var was v1.Manifest
	if err := json.Unmarshal([]byte(oldRaw), &was); err != nil {
		t.Fatal(err)
	}
	if config != read(t, o, was.Config) {
		t.Errorf("config is %s", config)
	}
	if want := strings.Replace(oldRaw, refer(was.Config), refer(m.Config), 1); raw != want {
		t.Errorf("manifest is\n%s\nwant\n%s", raw, want)
	}
	if same, err := RewriteImage(t.Context(), o, old, label("1")); err != nil || same.Digest == old.Digest {
		t.Errorf("%v %v", same, err)
	}
	same, err := RewriteImage(t.Context(), o, desc, label("2"))
	if err != nil || same.Digest != desc.Digest {
		t.Errorf("rewriting it twice gives %s, not %s: %v", same.Digest, desc.Digest, err)
	}
}

func TestReplaceImageMovesAttestations(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	amd64, arm64 := putImage(o, "amd64"), putImage(o, "arm64")
	x := newIndex(t, amd64, arm64, putAttestation(o, amd64), putAttestation(o, arm64))
	image := x.Images()[0]
	to, err := RewriteImage(t.Context(), o, amd64, label("2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := x.ReplaceImage(t.Context(), o, image, to); err != nil {
		t.Fatal(err)
	}
	if got, want := names(x), "linux/amd64, linux/arm64, about linux/amd64, about linux/arm64"; got != want {
		t.Fatalf("index lists %s", got)
	}
	a := x.Attestations(image)[0].Descriptor()
	if a.Annotations["x"] != "y" || a.Platform.OS != "unknown" {
		t.Errorf("entry is %+v", a)
	}
	var m v1.Manifest
	raw := read(t, o, a)
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		t.Fatal(err)
	}
	if m.Subject.Digest != to.Digest || m.Layers[0].Annotations["in-toto.io/predicate-type"] != "p" || !strings.Contains(raw, `"x":1`) {
		t.Errorf("manifest is %s", raw)
	}
	statement := read(t, o, m.Layers[0])
	want := fmt.Sprintf(`"subject":[{"name":"n","digest":{"sha256":%q}},{"name":"other","digest":{"sha256":"00"}}],"predicate":{"html":"<b>"}`, to.Digest.Encoded())
	if !strings.Contains(statement, want) {
		t.Errorf("statement is %s", statement)
	}
	if config := read(t, o, m.Config); !strings.Contains(config, m.Layers[0].Digest.String()) {
		t.Errorf("config is %s", config)
	}
}

// An image may be listed twice, for two versions of an os say.
func TestReplaceImageListedTwice(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	image := putImage(o, "amd64")
	second := image
	second.Platform = &v1.Platform{OS: "linux", Architecture: "amd64", OSVersion: "2"}
	x := newIndex(t, image, second, putAttestation(o, image))
	to, err := RewriteImage(t.Context(), o, image, label("2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := x.ReplaceImage(t.Context(), o, x.Images()[0], to); err != nil {
		t.Fatal(err)
	}
	if got, want := names(x), "linux/amd64, linux/amd64 (os.version 2), about linux/amd64 (os.version 2), about linux/amd64"; got != want {
		t.Errorf("index lists %s", got)
	}
	all, err := ParseIndex(x.MediaType(), []byte(read(t, o, mustPut(t, o, x))))
	if err != nil {
		t.Fatal(err)
	}
	to.Platform = nil
	if err := all.ReplaceImage(t.Context(), o, all.Images()[1], to); err != nil {
		t.Fatal(err)
	}
	if got, want := names(all), "linux/amd64, linux/amd64 (os.version 2), about linux/amd64 (os.version 2)"; got != want { // it is about both
		t.Errorf("index lists %s", got)
	}
	x.Remove(x.Images()[1])
	if got, want := names(x), "linux/amd64, about linux/amd64"; got != want {
		t.Errorf("index lists %s", got)
	}
}

func TestMoveAttestationRefusesEnvelopes(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	image, to := putImage(o, "amd64"), putImage(o, "arm64")
	sealed := attestationOf(o, image, put(o, "application/vnd.dsse.envelope.v1+json", "{}"))
	_, err := MoveAttestation(context.Background(), o, o, sealed, image, to)
	if err == nil || !strings.Contains(diag.Text(err), "dsse") {
		t.Errorf("error is %v", err)
	}
}
