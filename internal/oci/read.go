package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// CheckDescriptor returns an error if content cannot be verified against a
// descriptor.
func CheckDescriptor(src any, desc v1.Descriptor) error {
	if err := desc.Digest.Validate(); err != nil {
		return Errorf(src, desc, ErrCorrupt, "has a descriptor with an unusable digest: %v", err)
	}
	if desc.Size < 0 {
		return Errorf(src, desc, ErrCorrupt, "has a descriptor with size %d", desc.Size)
	}
	return nil
}

// FetchVerified opens the content of desc for reading once; see [Verify]. For
// missing content it returns a [*ContentError].
func FetchVerified(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (*Verifier, error) {
	if err := CheckDescriptor(src, desc); err != nil {
		return nil, err
	}
	rc, err := src.Fetch(ctx, desc)
	if err != nil {
		var broken *ContentError
		switch {
		case errors.As(err, &broken):
			return nil, err
		case errors.Is(err, ErrNotFound):
			return nil, Errorf(src, desc, ErrNotFound, "is missing")
		}
		return nil, fmt.Errorf("reading %s %s: %w", Noun(desc.MediaType), desc.Digest, err)
	}
	return Verify(ctx, src, desc, rc), nil
}

// Verify returns a reader of rc that returns a [*ContentError] if size or
// digest differ from desc, which must have passed [CheckDescriptor]. The last
// bytes are only returned after everything has been verified, so content that
// was read completely is correct. It stops when ctx is done. src is the source
// in errors.
func Verify(ctx context.Context, src any, desc v1.Descriptor, rc io.ReadCloser) *Verifier {
	return &Verifier{
		ctx: ctx, src: src, rc: rc, desc: desc,
		hash: desc.Digest.Algorithm().Hash(), close: sync.OnceValue(rc.Close),
	}
}

// Verifier is the reader that [Verify] returns.
type Verifier struct {
	// OnRead, if not nil, is called with the number of bytes read so far.
	OnRead func(n int64)

	ctx   context.Context
	src   any
	rc    io.Reader
	desc  v1.Descriptor
	hash  hash.Hash
	read  int64
	err   error
	close func() error
}

// Read implements [io.Reader].
func (v *Verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if err := v.ctx.Err(); err != nil {
		return 0, context.Cause(v.ctx)
	}
	n, err := v.rc.Read(p)
	v.read += int64(n)
	if v.read > v.desc.Size {
		return 0, v.fail(Errorf(v.src, v.desc, ErrCorrupt, "holds more than the %d bytes its descriptor says", v.desc.Size))
	}
	v.hash.Write(p[:n])
	if err == nil && v.read == v.desc.Size {
		err = v.end()
	}
	switch {
	case errors.Is(err, io.EOF):
		if err := v.verify(); err != nil {
			return 0, v.fail(err)
		}
		v.err = io.EOF
	case err != nil:
		return 0, v.fail(fmt.Errorf("reading %s %s: %w", Noun(v.desc.MediaType), v.desc.Digest, err))
	}
	if v.OnRead != nil && n > 0 {
		v.OnRead(v.read)
	}
	if n > 0 {
		return n, nil
	}
	return 0, v.err
}

// end returns io.EOF if there is no data after the last byte.
func (v *Verifier) end() error {
	var more [1]byte
	for range 100 { // as in bufio, for readers that return no data
		n, err := v.rc.Read(more[:])
		v.read += int64(n)
		if n > 0 {
			return Errorf(v.src, v.desc, ErrCorrupt, "holds more than the %d bytes its descriptor says", v.desc.Size)
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

func (v *Verifier) verify() error {
	if v.read != v.desc.Size {
		return Errorf(v.src, v.desc, ErrCorrupt, "holds %d bytes, not the %d its descriptor says", v.read, v.desc.Size)
	}
	if got := digest.NewDigest(v.desc.Digest.Algorithm(), v.hash); got != v.desc.Digest {
		return Errorf(v.src, v.desc, ErrCorrupt, "holds other content, of digest %s", got)
	}
	return nil
}

func (v *Verifier) fail(err error) error {
	v.err = AsContent(err)
	return v.err
}

// Close closes the content. It may be called more than once.
func (v *Verifier) Close() error { return v.close() }

// ReadBytes returns the content of desc, at most limit bytes, and verifies its
// size and digest. It returns a [*ContentError] for invalid content.
func ReadBytes(ctx context.Context, src content.Fetcher, desc v1.Descriptor, limit int64) ([]byte, error) {
	if desc.Size > limit {
		return nil, Errorf(src, desc, ErrTooLarge, "is %d bytes long; the limit is %d", desc.Size, limit)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if err := BudgetOf(ctx).Document(desc.Digest, max(desc.Size, 0)); err != nil {
		return nil, limited(src, desc, err)
	}
	rc, err := FetchVerified(ctx, src, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	// The size is untrusted, so do not allocate it in advance.
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(rc); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
