package oci

import (
	"strings"
	"testing"
)

func parsed(t *testing.T, text string) *Object {
	t.Helper()
	o, err := ParseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestObjectEdits: an edit keeps the other fields, also unknown ones,
// and their order.
func TestObjectEdits(t *testing.T) {
	t.Parallel()
	for want, edit := range map[string]func(o *Object) error{
		`{"b":"<x>","a":{"k":1},"n":null}`:             func(*Object) error { return nil },
		`{"b":2,"a":{"k":1},"n":null}`:                 func(o *Object) error { return o.Set("b", 2) },
		`{"b":"<x>","a":{"k":1},"n":null,"new":"<y>"}`: func(o *Object) error { return o.SetText("new", "<y>") },
		`{"a":{"k":1},"n":null}`:                       func(o *Object) error { return o.SetText("b", "") },
		`{"b":"<x>","n":null}`:                         func(o *Object) error { o.Delete("a"); return nil },
		`{"b":"<x>","a":{"k":1,"l":"m"},"n":null}`: func(o *Object) error {
			return o.Edit("a", func(a *Object) error { return a.Merge(map[string]string{"l": "m"}) })
		},
		`{"b":"<x>","a":{"k":1},"n":{"l":"m"}}`:          func(o *Object) error { return o.Edit("n", func(n *Object) error { return n.SetText("l", "m") }) },
		`{"b":"<x>","a":{"k":1},"n":null,"o":{"l":"m"}}`: func(o *Object) error { return o.Edit("o", func(n *Object) error { return n.SetText("l", "m") }) },
	} {
		o := parsed(t, ` { "b": "<x>", "a": {"k": 1}, "n": null } `)
		if err := edit(o); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if got, err := o.Bytes(); err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	empty := parsed(t, `{"text":""}`)
	if err := empty.SetText("text", ""); err != nil || empty.index("text") < 0 {
		t.Errorf("an empty field was removed: %v", err)
	}
	if err := empty.Edit("none", func(*Object) error { return nil }); err != nil || empty.index("none") >= 0 {
		t.Errorf("an empty object was added: %v", err)
	}
	if err := parsed(t, `{"a":[]}`).Edit("a", func(*Object) error { return nil }); err == nil || !strings.HasPrefix(err.Error(), `field "a": `) {
		t.Errorf("a list was edited as an object: %v", err)
	}
}

func TestObjectDecode(t *testing.T) {
	t.Parallel()
	o := parsed(t, `{"size":9007199254740993,"null":null}`)
	size := int64(1)
	if err := o.Decode("size", &size); err != nil || size != 9007199254740993 {
		t.Errorf("got %d, %v", size, err)
	}
	for _, name := range []string{"null", "missing"} {
		if err := o.Decode(name, &size); err != nil || size != 9007199254740993 {
			t.Errorf("%s: got %d, %v", name, size, err)
		}
	}
	var text string
	if err := o.Decode("size", &text); err == nil || !strings.HasPrefix(err.Error(), `field "size": `) {
		t.Errorf("got %q, %v", text, err)
	}
	copied := o.Clone()
	copied.Delete("size")
	if !o.Has("size") || copied.Has("size") || o.Has("null") {
		t.Error("the copy is not independent, or null counts")
	}
}

func TestSameJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":"<"}`, ` {"b":"\u003c", "a":1}`, true},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`{`, `{`, false},
	} {
		if got := SameJSON([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("%s and %s: %v", tt.a, tt.b, got)
		}
	}
}

// TestKindsOfLayers: a foreign layer is a blob that is not stored.
func TestKindsOfLayers(t *testing.T) {
	t.Parallel()
	for mediaType, want := range map[string]string{
		"application/vnd.oci.image.layer.v1.tar+gzip":                  "layer blob",
		"application/vnd.oci.image.layer.v1.tar+zstd":                  "layer blob",
		"application/vnd.docker.image.rootfs.diff.tar.gzip":            "layer blob",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": "blob foreign",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":    "blob foreign",
		"application/vnd.oci.image.config.v1+json":                     "blob",
		"application/vnd.docker.container.image.v1+json":               "blob",
		"application/vnd.in-toto+json":                                 "blob",
		"application/vnd.oci.image.manifest.v1+json":                   "document",
		"application/vnd.docker.distribution.manifest.list.v2+json":    "document",
		"application/spdx+json":                                        "",
	} {
		var got []string
		for _, k := range []struct {
			name string
			is   func(string) bool
		}{{"layer", IsLayer}, {"blob", IsBlob}, {"foreign", IsForeign}, {"document", IsDocument}} {
			if k.is(mediaType) {
				got = append(got, k.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", mediaType, got, want)
		}
	}
}
