package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// CheckDescriptor returns an error if content cannot be verified against a
// descriptor.
func CheckDescriptor(src any, desc v1.Descriptor) error {
	if err := validate(desc.Digest); err != nil {
		return Errorf(src, desc, ErrCorrupt, "has a descriptor with an unusable digest: %v", err)
	}
	if desc.Size < 0 {
		return Errorf(src, desc, ErrCorrupt, "has a descriptor with size %d", desc.Size)
	}
	return nil
}

// validate is [digest.Digest.Validate], without its regular expression for the
// usual algorithm.
func validate(d digest.Digest) error {
	hex, ok := strings.CutPrefix(string(d), "sha256:")
	if ok && len(hex) == 2*sha256.Size && strings.Trim(hex, "0123456789abcdef") == "" {
		return nil
	}
	return d.Validate()
}

// FetchVerified opens the content of desc for reading; see [Verify]. For missing
// content it returns a [*ContentError].
func FetchVerified(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (*Verifier, error) {
	v := NewVerifier(ctx, src, desc)
	if err := v.SeekTo(0); err != nil {
		return nil, err
	}
	return v, nil
}

// NewVerifier is like [FetchVerified], but the content is not opened until
// [Verifier.SeekTo] is called.
func NewVerifier(ctx context.Context, src content.Fetcher, desc v1.Descriptor) *Verifier {
	v := &Verifier{ctx: ctx, src: src, desc: desc}
	v.open = func() (io.ReadCloser, error) {
		if err := CheckDescriptor(src, desc); err != nil {
			return nil, err
		}
		rc, err := src.Fetch(ctx, desc)
		if err == nil {
			return rc, nil
		}
		var broken *ContentError
		switch {
		case errors.As(err, &broken):
			return nil, err
		case errors.Is(err, ErrNotFound):
			return nil, Errorf(src, desc, ErrNotFound, "is missing")
		}
		return nil, About(desc, err, "reading %s %s", Noun(desc.MediaType), desc.Digest)
	}
	return v
}

// Verify returns a reader of rc that returns a [*ContentError] if size or
// digest differ from desc, which must have passed [CheckDescriptor]. The last
// bytes are only returned after everything has been verified, so content that
// was read completely is correct. It stops when ctx is done. src is the source
// in errors.
func Verify(ctx context.Context, src any, desc v1.Descriptor, rc io.ReadCloser) *Verifier {
	v := &Verifier{ctx: ctx, src: src, desc: desc}
	v.use(rc)
	return v
}

// Verifier is the reader that [Verify] returns.
type Verifier struct {
	// OnRead, if not nil, is called with the offset that has been read up to.
	OnRead func(at int64)

	ctx  context.Context
	src  any
	desc v1.Descriptor
	open func() (io.ReadCloser, error) // nil if it cannot be opened again

	rc     io.Reader // nil before it is opened
	close  func() error
	hash   hash.Hash
	hashed int64 // the length of the part that hash has
	at     int64
	err    error
}

func (v *Verifier) use(rc io.ReadCloser) {
	v.rc, v.close, v.at = rc, sync.OnceValue(rc.Close), 0
	if v.hash == nil {
		v.hash = v.desc.Digest.Algorithm().Hash()
	}
}

// Read implements [io.Reader].
func (v *Verifier) Read(p []byte) (int, error) {
	n, err := v.next(p)
	if v.OnRead != nil && n > 0 {
		v.OnRead(v.at)
	}
	return n, err
}

func (v *Verifier) next(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if err := v.ctx.Err(); err != nil {
		return 0, context.Cause(v.ctx)
	}
	n, err := v.rc.Read(p)
	end := v.at + int64(n)
	if end > v.desc.Size {
		return 0, v.fail(v.tooLong())
	}
	if end > v.hashed {
		v.hash.Write(p[v.hashed-v.at : n])
		v.hashed = end
	}
	v.at = end
	if err == nil && v.at == v.desc.Size {
		err = v.end()
	}
	switch {
	case errors.Is(err, io.EOF):
		if err := v.verify(); err != nil {
			return 0, v.fail(err)
		}
		v.err = io.EOF
	case err != nil:
		return 0, v.fail(About(v.desc, err, "reading %s %s", Noun(v.desc.MediaType), v.desc.Digest))
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
		if n > 0 {
			return v.tooLong()
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// OtherSize returns the clause about content that has another size than its
// descriptor says. How much more there is, only some readers know.
func OtherSize(has, want int64) string {
	if has > want {
		return fmt.Sprintf("has more than the %d bytes in its descriptor", want)
	}
	return fmt.Sprintf("has %d bytes, not the %d in its descriptor", has, want)
}

func (v *Verifier) tooLong() error {
	return Errorf(v.src, v.desc, ErrCorrupt, "%s", OtherSize(v.desc.Size+1, v.desc.Size))
}

func (v *Verifier) verify() error {
	if v.at != v.desc.Size {
		return Errorf(v.src, v.desc, ErrCorrupt, "%s", OtherSize(v.at, v.desc.Size))
	}
	if got := digest.NewDigest(v.desc.Digest.Algorithm(), v.hash); got != v.desc.Digest {
		return Errorf(v.src, v.desc, ErrCorrupt, "has different content, with digest %s", got)
	}
	return nil
}

func (v *Verifier) fail(err error) error {
	v.err = AsContent(err)
	return v.err
}

// SeekTo continues at an offset, as after a request that failed. What has been
// read is not hashed again, and not read again if the content can seek. An
// error of an earlier read is returned again.
func (v *Verifier) SeekTo(offset int64) error {
	if err := v.Err(); err != nil {
		return err
	}
	v.err = nil
	if v.rc != nil && v.skipTo(offset) {
		return nil
	}
	if v.open == nil {
		return v.fail(fmt.Errorf("reading %s %s: it cannot be read again", Noun(v.desc.MediaType), v.desc.Digest))
	}
	_ = v.Close() // nothing more is read from it
	rc, err := v.open()
	if err != nil {
		v.err = err
		return err
	}
	v.use(rc)
	if v.skipTo(offset) {
		return nil
	}
	_, err = io.CopyN(io.Discard, readerFunc(v.next), offset)
	return err
}

// skipTo moves within what has been read, and reports whether it could.
func (v *Verifier) skipTo(offset int64) bool {
	if v.at == offset {
		return true
	}
	seeker, ok := v.rc.(io.Seeker)
	if !ok || offset > v.hashed {
		return false
	}
	if _, err := seeker.Seek(offset, io.SeekStart); err != nil {
		return false
	}
	v.at = offset
	return true
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Err returns the error that ended reading, nil at the end of the content.
func (v *Verifier) Err() error {
	if errors.Is(v.err, io.EOF) {
		return nil
	}
	return v.err
}

// Close closes the content. It may be called more than once.
func (v *Verifier) Close() error {
	if v.close == nil {
		return nil
	}
	return v.close()
}

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
