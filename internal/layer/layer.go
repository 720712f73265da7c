// Package layer expands and compresses the layers of images. It tells how they
// are compressed by what they hold, and stops where a small layer would cause
// endless work. What is in a layer is other packages' business.
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
	"strings"

	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Limits on layers. There is none on their size: layers of several gigabytes
// are real, and streaming one takes time but no memory. What is bounded is the
// work that a small layer can cause. Gzip packs a thousandfold at best and real
// files tenfold, so once a layer has given bombGrace bytes it may not be beyond
// bombRatio times what was read of it.
const (
	bombGrace = 256 << 20
	bombRatio = 200
	// maxWindow bounds zstd's memory: four layers are read at once. It is twice
	// what any level but --ultra and --long asks for.
	maxWindow = 16 << 20
)

// ErrBomb is a layer that expands beyond reason.
var ErrBomb = errors.New("the layer expands too far")

// Compressions, in the words of messages.
const (
	None = "no"
	Gzip = "gzip"
	Zstd = "zstd"
)

// Stored is a layer as it is stored. It remembers why reading failed: the
// readers above it do not all pass that on.
type Stored struct {
	// Ours is a layer made on this machine a moment ago, which expands to files
	// that are here: a sparse file of gigabytes is no attack.
	Ours bool

	r    io.Reader
	read int64
	err  error
}

// From reads a layer from r, once.
func From(r io.Reader) *Stored { return &Stored{r: r} }

func (s *Stored) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Err returns why what is stored could not be read, nil when the layer itself is
// to blame for whatever went wrong.
func (s *Stored) Err() error { return s.err }

// Reader returns what a layer expands to. It fails with [ErrBomb].
type Reader struct {
	// Compression is what was found, whatever a media type says.
	Compression string

	stored   *Stored
	plain    io.ReadCloser
	expanded int64
}

// Expand begins to expand the layer. Closing the result leaves what is stored
// open, and it may have read further there than what it expanded.
func (s *Stored) Expand() (*Reader, error) {
	buffered := bufio.NewReaderSize(s, 64<<10)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r := &Reader{stored: s, Compression: None, plain: io.NopCloser(buffered)}
	switch {
	case strings.HasPrefix(string(head), "\x1f\x8b"): // RFC 1952, section 2.3.1
		r.Compression = Gzip
		r.plain, err = kgzip.NewReader(buffered) // a third faster than the standard library
	case string(head) == "\x28\xb5\x2f\xfd": // RFC 8878, section 3.1.1
		r.Compression = Zstd
		var d *zstd.Decoder
		d, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			r.plain = d.IOReadCloser()
		}
	default:
		err = nil // shorter than any magic number
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
		return n, fmt.Errorf("%w: %d bytes gave more than %d, over %d times as many", ErrBomb, r.stored.read, r.expanded, bombRatio)
	}
	return n, err
}

// Close frees what expanding took.
func (r *Reader) Close() error { return r.plain.Close() }
