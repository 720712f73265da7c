package layer

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
)

// Sizes of blocks, in bytes. Layers of several blocks are compressed by several
// processors. The sizes determine the digests of such layers.
const (
	// gzipBlock is also the size up to which a layer is compressed by the
	// standard library, as in BuildKit, so that an image that BuildKit exports
	// has the same digest.
	gzipBlock = 1 << 20
	// zstdBlock is larger because frames do not refer to each other.
	zstdBlock = 4 << 20
	// shortLayer is the size up to which a layer is buffered outside a block.
	shortLayer = 64 << 10
)

// Compressor compresses a layer. The output depends on the input and the
// compression, and neither on the number of processors nor on how the input is
// split into writes.
type Compressor struct {
	w           io.Writer
	compression Compression
	encoding    encoding
	// head buffers the input while it is short, first while the layer may still
	// be a single block.
	head   []byte
	first  *block
	blocks *blocks
	closed bool
}

// NewCompressor returns a Compressor that writes to w. It must be closed, even
// after an error. That does not close w.
func NewCompressor(w io.Writer, c Compression) *Compressor {
	z := &Compressor{w: w, compression: c, encoding: newDeflate(c)}
	if c.Zstd() {
		z.encoding = newFrames(c)
	}
	return z
}

// Write fails with [os.ErrClosed] after Close.
func (z *Compressor) Write(p []byte) (int, error) {
	size := z.encoding.size()
	switch {
	case z.closed:
		return 0, os.ErrClosed
	case z.blocks != nil:
		return z.blocks.Write(p)
	case z.first == nil && len(z.head)+len(p) <= shortLayer:
		z.head = append(z.head, p...)
		return len(p), nil
	case z.first == nil:
		z.first = newBlock(z.encoding)
		z.first.plain = append(z.first.plain, z.head...)
		z.head = nil
	}
	if len(z.first.plain)+len(p) <= size {
		z.first.plain = append(z.first.plain, p...)
		return len(p), nil
	}
	z.blocks = newBlocks(z.w, z.encoding, z.first)
	z.first = nil
	return z.blocks.Write(p)
}

// Close writes the remaining data. Later calls do nothing: the buffers may
// belong to another layer by then.
func (z *Compressor) Close() error {
	if z.closed {
		return nil
	}
	z.closed = true
	if z.blocks != nil {
		return z.blocks.Close()
	}
	plain := z.head
	if z.first != nil {
		plain = z.first.plain
		defer z.first.free()
		defer z.first.filled()
	}
	if z.compression.Zstd() {
		return z.closeFrame(plain)
	}
	level := gzip.DefaultCompression
	if z.compression.HasLevel {
		level = z.compression.Level
	}
	small, err := gzippers.get(level)
	if err != nil {
		return err
	}
	defer gzippers.put(level, small)
	small.Reset(z.w)
	if _, err := small.Write(plain); err != nil {
		return err
	}
	return small.Close()
}

// closeFrame writes a layer of a single frame.
func (z *Compressor) closeFrame(plain []byte) error {
	if z.first != nil {
		defer takeWork(z.encoding.memory())()
	}
	var frame bytes.Buffer
	if err := z.encoding.encode(&frame, plain, nil, true); err != nil {
		return err
	}
	_, err := z.w.Write(frame.Bytes())
	return err
}
