package oci_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

func TestReadBytesVerifies(t *testing.T) {
	good := content.NewDescriptorFromBytes("x/y", []byte("hello"))
	long, short, other, odd := good, good, good, good
	long.Size, short.Size, other.Digest, odd.Digest = 6, 4, digest.FromString("bye"), "sha256:../../etc"
	negative := good
	negative.Size = -1
	src := content.FetcherFunc(func(context.Context, v1.Descriptor) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("hello")), nil
	})
	tests := map[string]struct {
		desc  v1.Descriptor
		limit int64
		cause error
		want  string
	}{
		"good":      {good, 5, nil, ""},
		"too large": {good, 4, oci.ErrTooLarge, "is 5 bytes long; the limit is 4"},
		"long":      {long, 9, oci.ErrCorrupt, "holds 5 bytes, not the 6 its descriptor says"},
		"short":     {short, 9, oci.ErrCorrupt, "holds more than the 4 bytes"},
		"other":     {other, 9, oci.ErrCorrupt, "holds other content, of digest " + good.Digest.String()},
		"digest":    {odd, 9, oci.ErrCorrupt, "unusable digest"},
		"size":      {negative, 9, oci.ErrCorrupt, "size -1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := oci.ReadBytes(t.Context(), src, tt.desc, tt.limit)
			if tt.cause == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var broken *oci.ContentError
			if !errors.Is(err, tt.cause) || !errors.As(err, &broken) || !diag.IsInvalid(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}

	broken := errors.New("connection reset")
	_, err := oci.ReadBytes(t.Context(), content.FetcherFunc(func(context.Context, v1.Descriptor) (io.ReadCloser, error) {
		return nil, broken
	}), good, 5)
	if !errors.Is(err, broken) || diag.IsInvalid(err) {
		t.Errorf("trouble with reading gave %v", err)
	}
}

func TestReadManifestKeepsUnknownFieldsAndRefusesAmbiguity(t *testing.T) {
	l, put := newLayout(t), must[v1.Descriptor](t)
	raw := []byte(`{"schemaVersion":2,"x-new":1,"layers":[]}`)
	_, got, err := oci.ReadManifest(t.Context(), l, put(l.PutBytes(t.Context(), v1.MediaTypeImageManifest, raw)))
	if err != nil || !bytes.Equal(got, raw) {
		t.Errorf("got %s, %v", got, err)
	}
	both := []byte(`{"manifests":[],"layers":[]}`)
	if _, _, err := oci.ReadManifest(t.Context(), l, put(l.PutBytes(t.Context(), v1.MediaTypeImageManifest, both))); !errors.Is(err, oci.ErrMalformed) {
		t.Errorf("a manifest with manifests: %v", err)
	}
	if _, _, err := oci.ReadIndex(t.Context(), l, put(l.PutBytes(t.Context(), v1.MediaTypeImageIndex, both))); !errors.Is(err, oci.ErrMalformed) {
		t.Errorf("an index with layers: %v", err)
	}
	if _, _, err := oci.ReadConfig(t.Context(), l, put(l.PutBytes(t.Context(), v1.MediaTypeImageConfig, []byte("[")))); !errors.Is(err, oci.ErrMalformed) {
		t.Errorf("a config that is no JSON: %v", err)
	}
}
