package oci_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

func TestDecodeRefusesWhatReadersTakeDifferently(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"manifests":[],"unknown":{"a":1,"A":2},"annotations":{"a":"1","A":"2"}}`:   "",
		` { "manifests" : [ { "digest" : "sha256:x" , "size" : 1 } , { } ] } `:       "",
		`{"manifests":[],"Manifests":[]}`:                                            `the field "Manifests" is ambiguous: some readers treat it as "manifests"`,
		`{"MANIFESTS":[]}`:                                                           `the field "MANIFESTS" is ambiguous`,
		`{"mani\u0066ests":[],"manifests":[]}`:                                       `the field "manifests" is repeated`,
		`{"manifeſts":[]}`:                                                           `the field "manifeſts" is ambiguous`,
		`{"manifests":[],"manifests":[]}`:                                            `the field "manifests" is repeated`,
		`{"manifests":[{"size":1,"Size":2}]}`:                                        `the field "Size" is ambiguous`,
		`{"manifests":[{"platform":{"os":"linux","OS":"windows"}}]}`:                 `the field "OS" is ambiguous`,
		`{"manifests":[{"platform":{"os.version":"1","os.Version":"2"}}]}`:           `the field "os.Version" is ambiguous`,
		`{"annotations":{"a":"1","a":"2"}}`:                                          `the field "a" is repeated`,
		`{"x":{"a":1,"a":2}}`:                                                        `the field "a" is repeated`,
		`{"x-new":1,"X-New":2}`:                                                      `the field "X-New" is ambiguous: some readers treat it as "x-new"`,
		`{"x":"` + "\xff" + `"}`:                                                     "not UTF-8",
		`{"manifests":[]} {}`:                                                        "invalid character '{' after top-level value",
		`[`:                                                                          "unexpected end of JSON input",
		`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`:          "nested more than 64 levels deep",
		`{"manifests":[` + strings.Repeat("{},", 200_000) + `{}]}`:                   "more than 100000 values",
		`{"x":[` + strings.Repeat("1,", 99_000) + `1e9, null , true,"\"\\"], "y":0}`: "",
	} {
		var index v1.Index
		err := oci.Decode([]byte(doc), &index)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: got %v, want %q", doc, err, want)
		}
	}
	var image v1.Image
	if err := oci.Decode([]byte(`{"Architecture":"amd64","architecture":"arm64"}`), &image); err == nil {
		t.Error("a field of an embedded struct may differ by case")
	}
	if err := oci.Decode([]byte(`{"config":{"Labels":{"a":"1","A":"2"},"Env":[]}}`), &image); err != nil {
		t.Errorf("labels that differ by case: %v", err)
	}
}

func TestReadRefusesAmbiguousDocuments(t *testing.T) {
	t.Parallel()
	l, put := newLayout(t), must[v1.Descriptor](t)
	index := put(l.PutBytes(t.Context(), v1.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[],"Manifests":[]}`)))
	manifest := put(l.PutBytes(t.Context(), v1.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"layers":[],"layers":[]}`)))
	config := put(l.PutBytes(t.Context(), v1.MediaTypeImageConfig, []byte(`{"os":"linux","Os":"windows"}`)))
	many := put(l.PutBytes(t.Context(), v1.MediaTypeImageIndex, []byte(`{"manifests":[`+strings.Repeat("{},", 200_000)+`{}]}`)))
	_, _, errIndex := oci.ReadIndex(t.Context(), l, index)
	_, _, errManifest := oci.ReadManifest(t.Context(), l, manifest)
	_, _, errConfig := oci.ReadConfig(t.Context(), l, config)
	_, errGraph := oci.ReadGraph(t.Context(), l, index)
	for name, err := range map[string]error{"index": errIndex, "manifest": errManifest, "config": errConfig, "graph": errGraph} {
		if !errors.Is(err, oci.ErrMalformed) || !diag.IsInvalid(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := oci.ReadIndex(t.Context(), l, many); !errors.Is(err, oci.ErrTooLarge) {
		t.Errorf("many values: %v", err)
	}
}

// FuzzDecode: of what is accepted, a reader of exact names and Go's decoder,
// which takes any case and the last of two, understand the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"schemaVersion":2,"mediaType":"x","manifests":[{"digest":"d","size":1,"platform":{"os":"linux","os.version":"1"},"x":[null]}],"annotations":{"A":"1","a":"2"}}`,
		`{"Manifests":[],"manifests":[]}`, `{"manifests":[],"manifests":[]}`, `{"manife\u017fts":[]}`, `{"\u212a":1,"k":2}`, `{"x":{"y":[{"z":1e5}]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got v1.Index
		if oci.Decode(data, &got) != nil {
			return
		}
		exact, err := oci.ParseObject(data)
		if err != nil {
			if string(data) == "null" || data[0] != '{' {
				return
			}
			t.Fatalf("accepted %s, which is not an object: %v", data, err)
		}
		var want v1.Index
		for name, field := range map[string]any{
			"schemaVersion": &want.SchemaVersion, "mediaType": &want.MediaType, "artifactType": &want.ArtifactType,
			"manifests": &want.Manifests, "subject": &want.Subject, "annotations": &want.Annotations,
		} {
			if raw := exact.Get(name); raw != nil {
				if err := json.Unmarshal(raw, field); err != nil {
					t.Fatalf("%s: field %s: %v", data, name, err)
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\none reader has %+v\nanother has %+v", data, got, want)
		}
		edited := exact.Clone()
		if err := edited.Set("mediaType", "y"); err != nil {
			t.Fatal(err)
		}
		if err := edited.Edit("annotations", func(a *oci.Object) error { return a.Merge(map[string]string{"n": "v"}) }); err != nil {
			return // annotations are not an object
		}
		raw, err := edited.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		var after v1.Index
		if err := oci.Decode(raw, &after); err != nil {
			t.Fatalf("after an edit, %s is refused: %v", raw, err)
		}
		if after.MediaType != "y" || after.Annotations["n"] != "v" || !reflect.DeepEqual(after.Manifests, got.Manifests) {
			t.Errorf("the edit of %s is read as %+v", data, after)
		}
	})
}
