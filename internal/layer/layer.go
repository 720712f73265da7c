// Package layer expands and compresses the layers of images. It detects the
// compression by the content, and limits the work that a small layer can cause.
// It does not read the files in a layer.
//
//	stored := layer.From(blob)
//	plain, err := stored.Expand()
//	tar.NewReader(plain)
//
// Formats: gzip (RFC 1952), zstd (RFC 8878), and none.
package layer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Limits on layers. The size of a layer is not limited: layers of several
// gigabytes exist, and are streamed. The work that a small layer can cause is
// limited. Gzip compresses at most a thousandfold, and real files tenfold, so
// beyond bombGrace bytes a layer may expand to at most bombRatio times its
// compressed size.
const (
	bombGrace = 256 << 20
	bombRatio = 200
	// maxWindow limits zstd's memory, because four layers are read in parallel. It
	// is twice the window of any level without --ultra or --long.
	maxWindow = 16 << 20
)

// ErrBomb is returned for a layer that expands beyond the limits.
var ErrBomb = errors.New("the layer expands beyond the limit")

// Names of compressions in messages.
const (
	None = "no"
	Gzip = "gzip"
	Zstd = "zstd"
)

// Stored is a layer in its stored form. It keeps the error of a failed read,
// because not all readers above it return it.
type Stored struct {
	// Ours is set for a layer that this process has just built from local
	// files. A sparse file of gigabytes is then not an attack.
	Ours bool

	r    io.Reader
	read int64
	err  error
}

// From returns the layer in r. It can be read once.
func From(r io.Reader) *Stored { return &Stored{r: r} }

func (s *Stored) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Err returns the error of reading the stored layer. It is nil if the content
// of the layer caused the failure.
func (s *Stored) Err() error { return s.err }

// Reader reads the expanded layer. It may fail with [ErrBomb].
type Reader struct {
	// Compression is the detected compression, regardless of the media type.
	Compression string

	stored   *Stored
	plain    io.ReadCloser
	expanded int64
	free     func() // returns the buffers
}

// Buffers and tables of readers are larger than most layers.
var (
	buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}
	gunzips = sync.Pool{New: func() any { return new(kgzip.Reader) }}
)

// Expand returns a reader of the expanded layer. Closing it does not close the
// stored layer, of which it may have read more than it expanded.
func (s *Stored) Expand() (*Reader, error) {
	buffered := buffers.Get().(*bufio.Reader) //nolint:forcetypeassert // there is nothing else in it
	buffered.Reset(s)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r := &Reader{stored: s, Compression: None, plain: io.NopCloser(buffered)}
	r.free = func() { buffered.Reset(nil); buffers.Put(buffered) }
	switch {
	case strings.HasPrefix(string(head), "\x1f\x8b"): // RFC 1952, section 2.3.1
		r.Compression = Gzip
		z := gunzips.Get().(*kgzip.Reader) //nolint:forcetypeassert // a third faster than the standard library
		err = z.Reset(buffered)
		r.plain = z
		r.free = func() { gunzips.Put(z); buffered.Reset(nil); buffers.Put(buffered) }
	case string(head) == "\x28\xb5\x2f\xfd": // RFC 8878, section 3.1.1
		r.Compression = Zstd
		var d *zstd.Decoder
		d, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			r.plain = d.IOReadCloser()
		}
	default:
		err = nil // too short to be compressed
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.plain.Read(p)
	r.expanded += int64(n)
	if !r.stored.Ours && r.expanded > bombGrace && r.expanded/bombRatio > r.stored.read {
		return n, fmt.Errorf("%w: %d bytes expand to more than %d, over %d times as many", ErrBomb, r.stored.read, r.expanded, bombRatio)
	}
	return n, err
}

// Close releases the decompressor. r cannot be read afterwards.
func (r *Reader) Close() error {
	err := r.plain.Close()
	if r.free != nil {
		r.free()
	}
	r.free, r.plain = nil, closed{}
	return err
}

// closed is a reader after Close.
type closed struct{}

func (closed) Read([]byte) (int, error) { return 0, os.ErrClosed }
func (closed) Close() error             { return nil }
