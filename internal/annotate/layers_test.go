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
	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
)

func newLayout(t *testing.T) *ocilayout.Layout { t.Helper(); return layouttest.New(t).Layout }

// takeLayer takes a layer of an extension with a compression.
func takeLayer(t *testing.T, src *ocilayout.Layout, how layer.Compression, desc v1.Descriptor, transit bool) (*maker, v1.Descriptor, error) {
	t.Helper()
	m := &maker{describer: newDescriber(&plan.Extension{Compression: how}, Options{}, nil), dst: newLayout(t)}
	got, err := m.takeLayer(t.Context(), &built{src: src, transit: transit, manifest: v1.Manifest{Layers: []v1.Descriptor{desc}}})
	return m, got, err
}

// TestTakeLayer: layers that an engine compressed for the transit are compressed
// as the package needs them; others stay.
func TestTakeLayer(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Repeat("a layer ", 1<<18)
	fast := string(enc.EncodeAll([]byte(plain), nil))
	useZstd := layer.Compression{Name: layer.Zstd}
	for _, c := range []struct {
		name, mediaType, stored string
		transit                 bool
		compression             layer.Compression
		stays                   bool
		err                     string
	}{
		{"transit", v1.MediaTypeImageLayerZstd, fast, true, layer.Compression{}, false, ""},
		{"transit to zstd", v1.MediaTypeImageLayerZstd, fast, true, useZstd, false, ""},
		{"gzip stays", v1.MediaTypeImageLayerGzip, "whatever", false, layer.Compression{}, true, ""},
		{"zstd stays", v1.MediaTypeImageLayerZstd, "whatever", false, useZstd, true, ""},
		{"gzip to zstd", v1.MediaTypeImageLayerGzip, string(layertest.Gzip(t, []byte(plain))), false, useZstd, false, ""},
		{"cut", v1.MediaTypeImageLayerZstd, fast[:len(fast)/2], true, layer.Compression{}, false, "compressing layer: writing layer: unexpected EOF"},
		{"other", "application/x-layer", fast, true, layer.Compression{}, false, `the builder built a layer of type "application/x-layer", want gzip or zstd`},
	} {
		src := newLayout(t)
		desc, err := src.Put(t.Context(), c.mediaType, strings.NewReader(c.stored))
		if err != nil {
			t.Fatal(err)
		}
		m, got, err := takeLayer(t, src, c.compression, desc, c.transit)
		if err != nil || c.err != "" {
			if err == nil || diag.Text(err) != c.err {
				t.Errorf("%s: error %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if want := map[bool]string{false: v1.MediaTypeImageLayerGzip, true: v1.MediaTypeImageLayerZstd}[c.compression.Zstd()]; got.MediaType != want {
			t.Errorf("%s: type %s", c.name, got.MediaType)
		}
		if (got.Digest == desc.Digest) != c.stays {
			t.Errorf("%s: %s became %s", c.name, desc.Digest, got.Digest)
		}
		if c.stays {
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
		if data, err := io.ReadAll(r); err != nil || (r.Compression == layer.Zstd) != c.compression.Zstd() || string(data) != plain {
			t.Errorf("%s: %d bytes with %s compression, %v", c.name, len(data), r.Compression, err)
		}
	}
}

// TestTakeCorruptLayer: the build's result is checked like any other input.
func TestTakeCorruptLayer(t *testing.T) {
	t.Parallel()
	src := newLayout(t)
	desc, err := src.Put(t.Context(), v1.MediaTypeImageLayerZstd, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	desc.Size = 1
	if _, _, err := takeLayer(t, src, layer.Compression{}, desc, true); !errors.Is(err, oci.ErrCorrupt) {
		t.Errorf("error %v", err)
	}
	desc.Digest = digest.FromString("not there")
	if _, _, err := takeLayer(t, src, layer.Compression{}, desc, true); !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
