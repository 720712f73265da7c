package layer

import (
	"compress/gzip"
	"io"
	"slices"

	kgzip "github.com/klauspost/compress/gzip"
)

// plainGzip is the size in bytes up to which a layer is compressed by the
// standard library, as in BuildKit, so that both engines write the same digest.
// Larger layers use a compressor that is several times as fast; layers of
// programs become 10 % larger.
const plainGzip = 1 << 20

// fastLevel is a level at which klauspost/compress is faster than gzip's
// fastest level, with a better ratio.
const fastLevel = 3

// Compressor compresses a layer with gzip, which every reader of packages
// supports. The output does not depend on how the input is split into writes.
type Compressor struct {
	w io.Writer
	// head buffers the input while the layer may still be small.
	head []byte
	fast *kgzip.Writer
}

// NewCompressor returns a Compressor that writes to w. Closing it does not
// close w.
func NewCompressor(w io.Writer) *Compressor { return &Compressor{w: w} }

func (c *Compressor) Write(p []byte) (int, error) {
	if c.fast == nil && len(c.head)+len(p) <= plainGzip {
		if len(c.head) > plainGzip/16 { // grow once to the final size
			c.head = slices.Grow(c.head, plainGzip-len(c.head))
		}
		c.head = append(c.head, p...)
		return len(p), nil
	}
	if c.fast == nil {
		var err error
		if c.fast, err = kgzip.NewWriterLevel(c.w, fastLevel); err != nil {
			return 0, err
		}
		if _, err := c.fast.Write(c.head); err != nil {
			return 0, err
		}
		c.head = nil
	}
	return c.fast.Write(p)
}

// Close writes the remaining data.
func (c *Compressor) Close() error {
	if c.fast != nil {
		return c.fast.Close()
	}
	small := gzip.NewWriter(c.w)
	if _, err := small.Write(c.head); err != nil {
		return err
	}
	return small.Close()
}
