package index

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

func TestObject(t *testing.T) {
	t.Parallel()
	o, err := oci.ParseObject([]byte(` {"z": 1.50, "a": "<\u0041>", "l":{ "x" : null}} `))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(o.Set("a", "<&>"), o.Set("n", 1), o.Edit("e", func(*oci.Object) error { return nil })); err != nil {
		t.Fatal(err)
	}
	o.Delete("none")
	if raw, err := o.Bytes(); err != nil || string(raw) != `{"z":1.50,"a":"<&>","l":{"x":null},"n":1}` {
		t.Errorf("%s %v", raw, err)
	}
	if o.Has("none") || o.Has("x") || !o.Has("l") {
		t.Error("wrong about what there is")
	}
	for _, bad := range []string{``, `[]`, `null`, `{"a":1,"a":2}`, `{"a":1}{}`, `{"a":1} x`, `{"a":}`, `{"a":1`, `"x"`} {
		if o, err := oci.ParseObject([]byte(bad)); err == nil {
			t.Errorf("%s gives %v", bad, o)
		}
	}
}

func TestIndexBytes(t *testing.T) {
	t.Parallel()
	const raw = `{
  "manifests": [ {"mediaType":"m", "digest":"sha256:00", "size":1, "platform":{"os":"linux","architecture":"amd64","os.features":[],"f":1}, "u":9007199254740993} ],
  "schemaVersion": 2, "annotations": {"a":"\u003cb\u003e"}, "u": [1.0, null]
}`
	x, err := ParseIndex(v1.MediaTypeImageIndex, []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	same := func() {
		t.Helper()
		if got, err := x.Bytes(); err != nil || string(got) != raw {
			t.Errorf("%v\n%s", err, got)
		}
	}
	same()
	c := x.Entries()[0]
	if err := errors.Join(x.Annotate(map[string]string{"a": "<b>"}), c.Annotate(nil), c.SetPlatform(*c.Descriptor().Platform)); err != nil {
		t.Fatal(err)
	}
	same()
	if err := x.Annotate(map[string]string{"c": "d"}); err != nil {
		t.Fatal(err)
	}
	want := `{"manifests":[{"mediaType":"m","digest":"sha256:00","size":1,"platform":{"os":"linux","architecture":"amd64","os.features":[],"f":1},"u":9007199254740993}],` +
		`"schemaVersion":2,"annotations":{"a":"<b>","c":"d"},"u":[1.0,null]}`
	if got, err := x.Bytes(); err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestReplaceDropsWhatDescribesTheOldContent(t *testing.T) {
	t.Parallel()
	x, err := ParseIndex(v1.MediaTypeImageIndex, []byte(`{"manifests":[{"mediaType":"`+v1.MediaTypeImageManifest+
		`","digest":"sha256:00","size":1,"data":"AA==","urls":["u"],"annotations":{"a":"b"},"platform":{"os":"linux","architecture":"arm","variant":"v7"},"u":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c := x.Entries()[0]
	to := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: "sha256:11", Size: 2}
	if err := x.Replace(c, to); err != nil {
		t.Fatal(err)
	}
	raw, _ := x.Bytes()
	if want := `"digest":"sha256:11","size":2,"annotations":{"a":"b"},"platform":{"os":"linux","architecture":"arm","variant":"v7"},"u":1}]}`; !strings.HasSuffix(string(raw), want) {
		t.Errorf("index is %s", raw)
	}
	if err := c.SetPlatform(v1.Platform{OS: "linux", Architecture: "arm64"}); err != nil {
		t.Fatal(err)
	}
	if got := *c.Descriptor().Platform; !reflect.DeepEqual(got, v1.Platform{OS: "linux", Architecture: "arm64"}) {
		t.Errorf("platform is %+v", got)
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	amd64, arm64 := putImage(o, "amd64"), putImage(o, "arm64")
	x := newIndex(t, amd64, arm64, putAttestation(o, amd64), putAttestation(o, arm64))
	next := putImage(o, "amd64 ") // another image for the same platform
	next.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	about := []*Entry{entry(t, putAttestation(o, next))}
	var duplicate *DuplicateError
	if err := x.Add(entry(t, next), about, false); !errors.As(err, &duplicate) || duplicate.By.Digest != amd64.Digest {
		t.Errorf("error is %v", err)
	}
	if err := x.Add(entry(t, next), about, true); err != nil {
		t.Fatal(err)
	}
	if got, want := names(x), "linux/amd64, linux/arm64, about linux/arm64, about linux/amd64"; got != want {
		t.Errorf("index lists %s", got)
	}
	before, _ := x.Bytes()
	if err := x.Add(entry(t, next), about, false); err != nil {
		t.Error(err)
	}
	if after, _ := x.Bytes(); string(after) != string(before) {
		t.Error("joining the same image twice changed the index")
	}
	if err := x.Add(entry(t, putImage(o, "s390x")), nil, false); err != nil {
		t.Fatal(err)
	}
	if got, want := names(x), "linux/amd64, linux/arm64, linux/s390x, about linux/arm64, about linux/amd64"; got != want {
		t.Errorf("index lists %s", got)
	}
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	amd64, arm64, s390x := putImage(o, "amd64"), putImage(o, "arm64"), putImage(o, "s390x")
	rank := func(s platform.Identity) int {
		return slices.Index([]string{"amd64", "s390x", "arm64"}, s.Architecture)
	}
	for _, tt := range []struct {
		index   *Index
		advance v1.Descriptor
		want    string
	}{
		{newIndex(t, amd64, arm64, s390x, putAttestation(o, amd64)), s390x, "linux/amd64, linux/s390x, linux/arm64, about linux/amd64"},
		{newIndex(t, arm64, s390x, amd64), amd64, "linux/amd64, linux/arm64, linux/s390x"},
		{newIndex(t, arm64, s390x, amd64), arm64, "linux/arm64, linux/s390x, linux/amd64"},
		{newIndex(t, arm64), s390x, "linux/arm64"},
	} {
		if tt.index.MoveBefore(entry(t, tt.advance).Identity(), rank); names(tt.index) != tt.want {
			t.Errorf("index lists %s, want %s", names(tt.index), tt.want)
		}
	}
}

func TestSlotsAndSelectors(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	image := func(p v1.Platform, distro ...string) v1.Descriptor {
		d := putImage(o, p.OS+p.Architecture+p.Variant+p.OSVersion+strings.Join(distro, ""))
		d.Platform = &p
		if distro != nil {
			d.Annotations = map[string]string{extension.AnnotationDistroName: distro[0], extension.AnnotationDistroVersion: distro[1]}
		}
		return d
	}
	x := newIndex(
		t,
		image(v1.Platform{OS: "linux", Architecture: "amd64"}),
		image(v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}),
		image(v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}),
		image(v1.Platform{OS: "linux", Architecture: "arm"}),
		image(v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.1"}),
		image(v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.2"}),
		image(v1.Platform{OS: "linux", Architecture: "amd64"}, "ubuntu", "22.04"),
		image(v1.Platform{OS: "plan10", Architecture: "z80"}),
	)
	images := x.Images()
	for s, want := range map[string]int{
		"linux/amd64": 0, "linux/x86_64": 0, "linux/arm64": 1, "linux/aarch64": 1, "linux/arm64/v8": 1, "linux/arm/v6": 2,
		"linux/arm": 3, "linux/arm/v7": 3, "windows(10.0.2)/amd64": 5, "windows/amd64 (os.version 10.0.2)": 5, "linux/amd64:ubuntu@22.04": 6, "plan10/z80": 7,
		images[4].desc.Digest.String(): 4,
		"windows/amd64":                -1, "linux/s390x": -1, "amd64": -1, "linux/": -1, "linux/amd64:debian@12": -1, "": -1,
		"sha256:" + strings.Repeat("0", 64): -1,
	} {
		c, err := x.Select(s)
		switch {
		case want < 0 && !diag.IsInvalid(err):
			t.Errorf("%q gives %v, %v", s, c, err)
		case want >= 0 && (err != nil || c != images[want]):
			t.Errorf("%q: %v", s, err)
		}
	}
	for i, c := range images {
		if again, err := x.Select(c.Identity().String()); err != nil || again != c {
			t.Errorf("image %d is not found by its own name %s: %v", i, c.Identity(), err)
		}
	}
	_, err := x.Select("windows/amd64")
	if err == nil || !strings.Contains(diag.Text(err), "windows/amd64 (os.version 10.0.1), windows/amd64 (os.version 10.0.2)") {
		t.Errorf("error is %v", err)
	}
}

// FuzzIndex: an index that can be parsed is written back unchanged.
func FuzzIndex(f *testing.F) {
	f.Add(`{"schemaVersion":2,"manifests":[{"digest":"sha256:00","size":1,"platform":null,"annotations":{}}],"annotations":null}`)
	f.Add(`{"manifests":null}`)
	f.Add(`{"manifests":[{"urls":[],"\u0061":1e99}], "x":"\ud800"}`)
	f.Fuzz(func(t *testing.T, raw string) {
		x, err := ParseIndex(v1.MediaTypeImageIndex, []byte(raw))
		if err != nil {
			return
		}
		if err := x.Annotate(nil); err != nil {
			return // annotations that are not an object
		}
		x.Images()
		x.Others()
		got, err := x.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(raw, `"manifests"`) && string(got) != raw {
			t.Errorf("%s\nbecame\n%s", raw, got)
		}
	})
}
