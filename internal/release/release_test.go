package release

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/extension"
)

func TestKindOf(t *testing.T) {
	for tag, want := range map[string]kind{
		"1.2.3": exact, "v1.2.3": exact,
		"1.2": follows, "v1.2": follows, "1": follows, "v1": follows, "latest": follows,
		"edge": free, "1.2.4": free, "1.3": free, "2": free, "1.2.3-rc1": free, "vlatest": free, "12": free,
	} {
		if got := kindOf(tag, "1.2.3"); got != want {
			t.Errorf("%s is %d, want %d", tag, got, want)
		}
	}
	if kindOf("latest", "") != free {
		t.Error("content without a version is guarded")
	}
}

func TestCompare(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"1.2.3", "1.2.3", 0},
		{"1.2.10", "1.2.9", 1},
		{"1.10.0", "1.9.9", 1},
		{"0.9.9", "1.0.0", -1},
		{"", "1.0.0", -1},
		{"1.0.0", "", 1},
		{"a.b.c", "1.0.0", -1},
		{"1.0.0", "x.0.0", 1},
	} {
		if got := compare(tc.a, tc.b); (got > 0) != (tc.want > 0) || (got < 0) != (tc.want < 0) {
			t.Errorf("compare(%q, %q) is %d", tc.a, tc.b, got)
		}
	}
}

func TestDiffers(t *testing.T) {
	one, two, other := digest.FromString("1"), digest.FromString("2"), digest.FromString("3")
	of := func(id string, annotations map[string]string, images ...image) *Content {
		return &Content{Info: extension.Info{ID: id}, annotations: annotations, images: images}
	}
	amd, arm := image{one, "linux/amd64"}, image{two, "linux/arm64"}
	for want, tc := range map[string]struct{ have, next *Content }{
		"":                                 {of("a", nil, amd), of("a", nil, amd)},
		"linux/amd64 differs":              {of("a", nil, amd), of("a", nil, image{other, "linux/amd64"})},
		"linux/arm64 is missing":           {of("a", nil, amd, arm), of("a", nil, amd)},
		`it contains "b", and this is "a"`: {of("b", nil, amd), of("a", nil, amd)},
		"the annotation x differs":         {of("a", map[string]string{"x": "1"}, amd), of("a", map[string]string{"x": "2"}, amd)},
	} {
		if got := tc.have.differs(tc.next); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := of("a", nil, amd).differs(of("a", map[string]string{"x": "1"}, arm, amd)); got != "" {
		t.Errorf("a package that grows differs: %s", got)
	}
}
