package layer

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"slices"
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
)

// Compressor compresses a layer. The output depends on the input and the
// compression, and neither on the number of processors nor on how the input is
// split into writes.
type Compressor struct {
	w           io.Writer
	compression Compression
	encoding    encoding
	// head buffers the input while the layer may still be a single block.
	head   []byte
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
	if z.closed {
		return 0, os.ErrClosed
	}
	if size := z.encoding.size(); z.blocks == nil && len(z.head)+len(p) <= size {
		if len(z.head) > size/16 { // grow once to the final size
			z.head = slices.Grow(z.head, size-len(z.head))
		}
		z.head = append(z.head, p...)
		return len(p), nil
	}
	if z.blocks == nil {
		z.blocks = newBlocks(z.w, z.encoding)
		if _, err := z.blocks.Write(z.head); err != nil {
			return 0, err
		}
		z.head = nil
	}
	return z.blocks.Write(p)
}

// Close writes the remaining data. Later calls do nothing: the buffers may
// belong to another layer by then.
func (z *Compressor) Close() error {
	if z.closed {
		return nil
	}
	z.closed = true
	switch {
	case z.blocks != nil:
		return z.blocks.Close()
	case z.compression.Zstd():
		return z.closeFrame()
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
	if _, err := small.Write(z.head); err != nil {
		return err
	}
	return small.Close()
}

// closeFrame writes a layer of a single frame.
func (z *Compressor) closeFrame() error {
	var frame bytes.Buffer
	if err := z.encoding.encode(&frame, z.head, nil, true); err != nil {
		return err
	}
	_, err := z.w.Write(frame.Bytes())
	return err
}
