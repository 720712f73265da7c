package ocilayout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// FetchVerified opens the content of desc for reading once. The reader fails
// with a [*ContentError] instead of io.EOF when size or digest differ from the
// descriptor, and before giving a byte more than the descriptor's size, so what
// was read is only to be trusted once io.EOF was seen. It stops when ctx ends.
func FetchVerified(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (io.ReadCloser, error) {
	if err := checkDescriptor(desc); err != nil {
		return nil, err
	}
	rc, err := src.Fetch(ctx, desc)
	if err != nil {
		var broken *ContentError
		switch {
		case errors.As(err, &broken):
			return nil, err
		case errors.Is(err, ErrMissing):
			return nil, contentErrorf(desc, ErrMissing, "is missing")
		}
		return nil, fmt.Errorf("reading %s %s: %w", noun(desc.MediaType), desc.Digest, err)
	}
	return &verifiedReader{ctx: ctx, rc: rc, desc: desc, hash: desc.Digest.Algorithm().Hash()}, nil
}

func checkDescriptor(desc v1.Descriptor) error {
	if err := desc.Digest.Validate(); err != nil {
		return contentErrorf(desc, ErrCorrupt, "has a descriptor with an unusable digest: %v", err)
	}
	if desc.Size < 0 {
		return contentErrorf(desc, ErrCorrupt, "has a descriptor with size %d", desc.Size)
	}
	return nil
}

type verifiedReader struct {
	ctx  context.Context
	rc   io.ReadCloser
	desc v1.Descriptor
	hash hash.Hash
	read int64
	err  error
}

func (r *verifiedReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.rc.Read(p)
	r.read += int64(n)
	if r.read > r.desc.Size {
		r.err = contentErrorf(r.desc, ErrCorrupt, "holds more than the %d bytes its descriptor says", r.desc.Size)
		return 0, r.err
	}
	r.hash.Write(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		r.err = r.verify()
	case err != nil:
		r.err = fmt.Errorf("reading %s %s: %w", noun(r.desc.MediaType), r.desc.Digest, err)
	}
	return n, r.err
}

// verify gives io.EOF when what was read is what was asked for.
func (r *verifiedReader) verify() error {
	if r.read != r.desc.Size {
		return contentErrorf(r.desc, ErrCorrupt, "holds %d bytes, not the %d its descriptor says", r.read, r.desc.Size)
	}
	if got := digest.NewDigest(r.desc.Digest.Algorithm(), r.hash); got != r.desc.Digest {
		return contentErrorf(r.desc, ErrCorrupt, "holds other content, of digest %s", got)
	}
	return io.EOF
}

func (r *verifiedReader) Close() error { return r.rc.Close() }

// ReadBytes reads the content of desc, which may be limit bytes long, and
// verifies its size and digest. Content that is not right is a [*ContentError].
func ReadBytes(ctx context.Context, src content.Fetcher, desc v1.Descriptor, limit int64) ([]byte, error) {
	if desc.Size > limit {
		return nil, contentErrorf(desc, ErrTooLarge, "is %d bytes long; the limit is %d", desc.Size, limit)
	}
	rc, err := FetchVerified(ctx, src, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	// The size is the input's word: grow with what really comes.
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(rc); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// ReadIndex reads an index or manifest list. The raw bytes hold what the type
// does not know.
func ReadIndex(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (v1.Index, []byte, error) {
	return readJSON[v1.Index](ctx, src, desc, "config", "layers")
}

// ReadManifest reads an image manifest, and gives its raw bytes too.
func ReadManifest(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (v1.Manifest, []byte, error) {
	return readJSON[v1.Manifest](ctx, src, desc, "manifests")
}

// ReadConfig reads an image config, and gives its raw bytes too.
func ReadConfig(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (v1.Image, []byte, error) {
	return readJSON[v1.Image](ctx, src, desc)
}

// readJSON refuses documents with a foreign field: one that is an index to one
// reader and a manifest to another means different images to them (OCI
// image-spec security advisory GHSA-77vh-xpmg-72qh).
func readJSON[T any](ctx context.Context, src content.Fetcher, desc v1.Descriptor, foreign ...string) (T, []byte, error) {
	var doc T
	raw, err := ReadBytes(ctx, src, desc, MaxManifestBytes)
	if err != nil {
		return doc, nil, err
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return doc, raw, contentErrorf(desc, ErrMalformed, "is not valid: %v", err)
	}
	if len(foreign) > 0 {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return doc, raw, contentErrorf(desc, ErrMalformed, "is not valid: %v", err)
		}
		for _, name := range foreign {
			if _, ok := fields[name]; ok {
				return doc, raw, contentErrorf(desc, ErrMalformed, "is ambiguous: it has the field %q of another document type", name)
			}
		}
	}
	return doc, raw, nil
}
