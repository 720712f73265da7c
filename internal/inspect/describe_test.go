package inspect

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
)

// TestDescribe: what repeats a field is left out, and what contradicts one is not.
func TestDescribe(t *testing.T) {
	t.Parallel()
	labelled := &Extension{ID: "a/b", Version: "1.0.0", API: "0.10", Name: "B"}
	const none = "Name=x.cnb MediaType=index Digest=sha256:1 "
	for name, tt := range map[string]struct {
		extension      *Extension
		annotations    map[string]string
		fields, others string
	}{
		"labels alone": {labelled, nil, "Extension=a/b Version=1.0.0 API=0.10 Title=B", ""},
		"no labels":    {nil, nil, "Extension=none: no image has the labels of an extension package", ""},
		"repeated": {
			labelled,
			map[string]string{extension.AnnotationID: "a/b", v1.AnnotationVersion: "1.0.0", v1.AnnotationTitle: "B", v1.AnnotationURL: "https://x"},
			"Extension=a/b Version=1.0.0 API=0.10 Title=B Homepage=https://x", "",
		},
		"contradicted": {
			labelled,
			map[string]string{extension.AnnotationID: "a/c", v1.AnnotationVersion: "2"},
			"Extension=a/b Version=1.0.0 API=0.10 Title=B", extension.AnnotationID + "=a/c " + v1.AnnotationVersion + "=2",
		},
		"time": {
			labelled,
			map[string]string{v1.AnnotationCreated: "1980-01-01T00:00:01Z"},
			"Extension=a/b Version=1.0.0 API=0.10 Title=B Created=1980-01-01 00:00:01 UTC", "",
		},
		"no time": {
			labelled,
			map[string]string{v1.AnnotationCreated: "once"},
			"Extension=a/b Version=1.0.0 API=0.10 Title=B Created=once", "",
		},
		"metadata": {
			labelled,
			map[string]string{extension.LabelMetadata: `{"id":"a/b","version":"1.0.0","keywords":["k","l"],"licenses":[{"Type":"MIT","URI":"u"},{"Type":"BSD"}]}`},
			"Extension=a/b Version=1.0.0 API=0.10 Title=B Licenses=MIT u, BSD Keywords=k, l", "",
		},
		"metadata of another": {
			labelled,
			map[string]string{extension.LabelMetadata: `{"id":"a/c","version":"1.0.0"}`},
			"Extension=a/b Version=1.0.0 API=0.10 Title=B", extension.LabelMetadata + " id=a/c " + extension.LabelMetadata + " version=1.0.0",
		},
		"JSON": {
			labelled,
			map[string]string{"j": ` {"b":[1,"x",{"c":true}],"a":null} `, "k": "{", "l": "[]"},
			"Extension=a/b Version=1.0.0 API=0.10 Title=B", "j b=1, x j b 3 c=true k={ l=(empty)",
		},
		"deep JSON": {
			labelled,
			map[string]string{"j": `{"a":{"b":{"c":{"d":1}}}}`},
			"Extension=a/b Version=1.0.0 API=0.10 Title=B", "j a b c d=…",
		},
	} {
		r := &Report{Name: "x.cnb", MediaType: "index", Extension: tt.extension, Annotations: tt.annotations}
		fields, others := r.Describe("sha256:1")
		words := func(s string, name, value string) string { return s + fmt.Sprintf(" %s=%s", name, value) }
		var got, rest string
		for _, f := range fields {
			got = words(got, f.Name, f.Value)
		}
		for _, f := range others {
			rest = words(rest, f.Name, f.Value)
		}
		if got, rest = strings.TrimSpace(got), strings.TrimSpace(rest); got != none+tt.fields || rest != tt.others {
			t.Errorf("%s:\ngot  %s | %s\nwant %s | %s", name, got, rest, none+tt.fields, tt.others)
		}
	}
}
