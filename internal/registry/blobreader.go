package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
)

// blobReader reads a blob from any offset. Every byte is hashed once, in order.
// The last ones are only returned once the digest matches, so that a registry
// never receives a blob that is complete and corrupt.
type blobReader struct {
	ctx    context.Context
	src    content.Fetcher
	desc   v1.Descriptor
	hash   hash.Hash
	onRead func(at int64)

	rc     io.ReadCloser
	at     int64
	hashed int64
	err    error
}

func (b *blobReader) seek(offset int64) error {
	if b.rc != nil && b.at == offset {
		return nil
	}
	if seeker, ok := b.rc.(io.Seeker); ok && offset <= b.hashed {
		if _, err := seeker.Seek(offset, io.SeekStart); err == nil {
			b.at = offset
			return nil
		}
	}
	_ = b.Close()
	if b.err = oci.CheckDescriptor(b.src, b.desc); b.err != nil {
		return b.err
	}
	rc, err := b.src.Fetch(b.ctx, b.desc)
	if err != nil {
		b.err = oci.Wrap(err, "reading "+oci.Noun(b.desc.MediaType))
		return b.err
	}
	b.rc, b.at = rc, 0
	if seeker, ok := rc.(io.Seeker); ok && offset > 0 && offset <= b.hashed {
		if _, err := seeker.Seek(offset, io.SeekStart); err == nil {
			b.at = offset
			return nil
		}
	}
	for b.at < offset {
		if _, err := io.CopyN(io.Discard, readerFunc(b.read), offset-b.at); err != nil {
			return err
		}
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// digest returns the digest of the bytes read so far.
func (b *blobReader) digest() digest.Digest {
	return digest.NewDigest(b.desc.Digest.Algorithm(), b.hash)
}

func (b *blobReader) Read(p []byte) (int, error) {
	n, err := b.read(p)
	if n > 0 {
		b.onRead(b.at)
	}
	return n, err
}

func (b *blobReader) read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.rc.Read(p)
	end := b.at + int64(n)
	if end > b.hashed && end <= b.desc.Size {
		b.hash.Write(p[b.hashed-b.at : n])
		b.hashed = end
	}
	switch {
	case end > b.desc.Size || end == b.desc.Size && b.goesOn():
		b.err = oci.Errorf(b.src, b.desc, oci.ErrCorrupt, "holds more than the %d bytes its descriptor says", b.desc.Size)
	case end == b.desc.Size && b.hashed == end && b.digest() != b.desc.Digest:
		b.err = oci.Errorf(b.src, b.desc, oci.ErrCorrupt, "holds other content, of digest %s", b.digest())
	case errors.Is(err, io.EOF) && end < b.desc.Size:
		b.err = oci.Errorf(b.src, b.desc, oci.ErrCorrupt, "holds %d bytes, not the %d its descriptor says", end, b.desc.Size)
	case err != nil && !errors.Is(err, io.EOF):
		b.err = fmt.Errorf("reading %s %s: %w", oci.Noun(b.desc.MediaType), b.desc.Digest, err)
	}
	if b.err != nil {
		return 0, b.err
	}
	b.at = end
	return n, err
}

// goesOn reports whether there is data beyond the size in the descriptor.
func (b *blobReader) goesOn() bool {
	n, _ := b.rc.Read(make([]byte, 1)) // EOF or more data
	return n > 0
}

func (b *blobReader) Close() error {
	if b.rc == nil {
		return nil
	}
	err := b.rc.Close()
	b.rc = nil
	return err
}

// partBody is the request body for a part of a blob.
type partBody struct {
	mu   sync.Mutex
	src  io.Reader // nil once it is detached
	left int64
}

func (b *partBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.src == nil:
		return 0, io.ErrClosedPipe
	case b.left == 0:
		return 0, io.EOF
	}
	n, err := b.src.Read(p[:min(int64(len(p)), b.left)])
	if b.left -= int64(n); b.left > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close does not close the reader, because the next part uses it.
func (b *partBody) Close() error { return nil }

func (b *partBody) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.src = nil
}
