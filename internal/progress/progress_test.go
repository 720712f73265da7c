package progress

import (
	"bytes"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
)

// Without a terminal each layer has a line when it is done, and one now and then
// before that.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	p := New(&out, "plain", false)
	layer, shared, unknown := digest.FromString("a"), digest.FromString("b"), digest.FromString("c")
	amd64, arm64 := v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "linux", Architecture: "arm64"}
	e := &plan.Extension{
		Descriptor: &extension.Descriptor{Info: extension.Info{ID: "a/b"}},
		Images: []plan.Image{
			{Platform: amd64, Distros: []extension.Distro{{Name: "ubuntu", Version: "24.04"}}}, {Platform: amd64}, {Platform: arm64}, {Any: true},
		},
	}
	p.Verified(e, []annotate.Image{{Platform: amd64, Layer: layer}, {Platform: amd64, Layer: shared}, {Platform: arm64, Layer: shared}, {Any: true, Layer: digest.FromString("d")}})
	push := func(d digest.Digest, s registry.State, bytes int64) {
		p.Pushed(registry.Event{Repository: "r.io/x", Descriptor: v1.Descriptor{Digest: d, Size: 45_678_901}, State: s, Bytes: bytes})
	}
	push(layer, registry.Uploading, 0)
	push(layer, registry.Uploading, 1_000_000)
	p.told["push "+layer.String()+" r.io/x"] = time.Now().Add(-time.Minute)
	push(layer, registry.Uploading, 12_345_678)
	push(layer, registry.Uploading, 45_678_901) // sent, and not confirmed
	push(layer, registry.Done, 0)
	push(layer, registry.Done, 0)
	push(shared, registry.Done, 0)
	push(unknown, registry.Exists, 0)
	push(unknown, registry.Done, 0)
	push(digest.FromString("d"), registry.Done, 0)
	p.several = true
	p.Pushed(registry.Event{Repository: "r.io/y", Descriptor: v1.Descriptor{Digest: layer, Size: longWork}, State: registry.Done})
	p.Pushed(registry.Event{Repository: "r.io/y", Descriptor: v1.Descriptor{Digest: shared, Size: longWork - 1}, State: registry.Done})
	p.Close()
	want := `pushing linux/amd64:ubuntu@24.04 to r.io/x: 12.3MB of 45.7MB
pushed linux/amd64:ubuntu@24.04 to r.io/x (45.7MB)
pushed 2 platforms to r.io/x (45.7MB)
pushed layer ` + unknown.Encoded()[:12] + ` to r.io/x (45.7MB)
pushed any platform to r.io/x (45.7MB)
pushed a/b linux/amd64:ubuntu@24.04 to r.io/y (4.19MB)
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	for _, mode := range []string{"quiet", ""} {
		out.Reset()
		quiet := New(&out, mode, mode == "")
		quiet.Pushed(registry.Event{Descriptor: v1.Descriptor{Digest: layer, Size: longWork}, State: registry.Done})
		if out.Len() > 0 {
			t.Errorf("quiet prints %q", out.String())
		}
	}
}

func TestNameWidth(t *testing.T) {
	for columns, want := range map[int]int{40: 16, 60: 20, 80: 26, 100: 33, 160: 40} {
		if got := nameWidth(columns); got != want {
			t.Errorf("%d columns: %d, want %d", columns, got, want)
		}
	}
}
