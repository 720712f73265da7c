package annotate

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

func newLayout(t *testing.T) *ocilayout.Layout {
	t.Helper()
	l, err := ocilayout.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestTakeLayer: what engines compress with zstd is published with gzip.
func TestTakeLayer(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Repeat("a layer ", 1<<18)
	fast := string(enc.EncodeAll([]byte(plain), nil))
	for _, c := range []struct{ name, mediaType, stored, want string }{
		{"zstd", v1.MediaTypeImageLayerZstd, fast, ""},
		{"gzip stays", v1.MediaTypeImageLayerGzip, "whatever", ""},
		{"cut", v1.MediaTypeImageLayerZstd, fast[:len(fast)/2], "compressing layer: writing layer: unexpected EOF"},
		{"other", "application/x-layer", fast, `the builder made a layer of type "application/x-layer", want gzip or zstd`},
	} {
		src, m := newLayout(t), &maker{dst: newLayout(t)}
		desc, err := src.Put(t.Context(), c.mediaType, strings.NewReader(c.stored))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.takeLayer(t.Context(), src, desc)
		if err != nil || c.want != "" {
			if err == nil || diag.Text(err) != c.want {
				t.Errorf("%s: error %v, want %q", c.name, err, c.want)
			}
			continue
		}
		if got.MediaType != v1.MediaTypeImageLayerGzip {
			t.Errorf("%s: type %s", c.name, got.MediaType)
		}
		if c.mediaType == v1.MediaTypeImageLayerGzip {
			if got.Digest != desc.Digest {
				t.Errorf("%s: it became %s", c.name, got.Digest)
			}
			continue
		}
		blob, err := oci.FetchVerified(t.Context(), m.dst, got)
		if err != nil {
			t.Fatal(err)
		}
		defer blob.Close()
		r, err := layer.From(blob).Expand()
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(r); err != nil || r.Compression != layer.Gzip || string(data) != plain {
			t.Errorf("%s: %d bytes with %s compression, %v", c.name, len(data), r.Compression, err)
		}
	}
}

// TestTakeCorruptLayer: the build's result is checked like any other input.
func TestTakeCorruptLayer(t *testing.T) {
	src, m := newLayout(t), &maker{dst: newLayout(t)}
	desc, err := src.Put(t.Context(), v1.MediaTypeImageLayerZstd, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	desc.Size = 1
	if _, err := m.takeLayer(t.Context(), src, desc); !errors.Is(err, oci.ErrCorrupt) {
		t.Errorf("error %v", err)
	}
	desc.Digest = digest.FromString("not there")
	if _, err := m.takeLayer(t.Context(), src, desc); !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
