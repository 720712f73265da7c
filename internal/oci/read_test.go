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
	t.Parallel()
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
		"long":      {long, 9, oci.ErrCorrupt, "has 5 bytes, not the 6 in its descriptor"},
		"short":     {short, 9, oci.ErrCorrupt, "has more than the 4 bytes"},
		"other":     {other, 9, oci.ErrCorrupt, "has different content, with digest " + good.Digest.String()},
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

// opened is content that counts how often it was opened and what was read of it.
type opened struct {
	data   []byte
	seeks  bool
	times  int
	length int64
}

func (o *opened) Fetch(context.Context, v1.Descriptor) (io.ReadCloser, error) {
	o.times++
	r := bytes.NewReader(o.data)
	counted := io.TeeReader(r, (*lengthWriter)(&o.length))
	if o.seeks {
		return struct {
			io.Reader
			io.Seeker
			io.Closer
		}{counted, r, io.NopCloser(nil)}, nil
	}
	return io.NopCloser(counted), nil
}

type lengthWriter int64

func (w *lengthWriter) Write(p []byte) (int, error) {
	*w += lengthWriter(len(p))
	return len(p), nil
}

// A Verifier that goes back reads content that can seek from there, opens other
// content again, and hashes every byte once: content that changed in between is
// refused before its last byte.
func TestVerifierSeeks(t *testing.T) {
	t.Parallel()
	const text = "0123456789"
	desc := content.NewDescriptorFromBytes("x/y", []byte(text))
	for name, tt := range map[string]struct {
		seeks  bool
		change string
		times  int
		length int64
		fails  bool
	}{
		"a file":                {true, text, 1, 8 + 7, false},
		"a stream":              {false, text, 2, 8 + 10, false},
		"a stream that ends":    {false, "01234", 2, 8 + 5, true},
		"a stream that goes on": {false, text + "x", 2, 8 + 11, true},
		"a stream that differs": {false, "01234567xx", 2, 8 + 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &opened{data: []byte(text), seeks: tt.seeks}
			v := oci.NewVerifier(t.Context(), o, desc)
			defer v.Close()
			var at []int64
			v.OnRead = func(n int64) { at = append(at, n) }
			if o.times != 0 {
				t.Error("it was opened before it was needed")
			}
			buf := make([]byte, 8)
			if err := v.SeekTo(0); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(v, buf); err != nil {
				t.Fatal(err)
			}
			o.data = []byte(tt.change)
			err := v.SeekTo(3)
			var rest []byte
			if err == nil {
				rest, err = io.ReadAll(v)
			}
			if tt.fails {
				if !errors.Is(err, oci.ErrCorrupt) || v.Err() == nil || len(rest) == 7 || v.SeekTo(0) == nil {
					t.Errorf("got %q, %v", rest, err)
				}
				return
			}
			if err != nil || string(rest) != text[3:] || v.Err() != nil || at[len(at)-1] != 10 {
				t.Errorf("got %q, %v, up to %v", rest, err, at)
			}
			if o.times != tt.times || o.length != tt.length {
				t.Errorf("opened %d times, read %d bytes; want %d and %d", o.times, o.length, tt.times, tt.length)
			}
		})
	}
	v := oci.Verify(t.Context(), nil, desc, io.NopCloser(strings.NewReader(text)))
	if _, err := io.ReadAll(v); err != nil {
		t.Fatal(err)
	}
	if err := v.SeekTo(0); err == nil {
		t.Error("what was not opened here was opened again")
	}
}

func TestReadManifestKeepsUnknownFieldsAndRefusesAmbiguity(t *testing.T) {
	t.Parallel()
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
		t.Errorf("a config that is not JSON: %v", err)
	}
}

// TestCheckDescriptor accepts the digests that go-digest accepts.
func TestCheckDescriptor(t *testing.T) {
	t.Parallel()
	sum := digest.FromString("").Encoded()
	for _, d := range []string{
		"sha256:" + sum, "sha256:" + sum[1:], "sha256:" + sum + "0", "sha256:" + strings.ToUpper(sum), "sha256:" + sum[:63] + "g",
		"sha256:" + sum[:31] + "/" + sum[32:], "sha256:", sum, "", "md5:" + sum[:32], "sha512:" + sum + sum, "sha512:" + sum,
	} {
		want := digest.Digest(d).Validate()
		if got := oci.CheckDescriptor(nil, v1.Descriptor{Digest: digest.Digest(d)}); (got == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", d, got, want)
		}
	}
}
