package layer

import (
	"compress/gzip"
	"io"
	"slices"

	kgzip "github.com/klauspost/compress/gzip"
)

// plainGzip is the size in bytes up to which a layer is compressed by the
// standard library, whose bytes are BuildKit's: then a small layer has the same
// digest whoever makes it. Above it a compressor several times as fast is worth
// more; its layers of programs are 10 % larger.
const plainGzip = 1 << 20

// fastLevel is where klauspost/compress makes programs smaller than gzip's own
// fastest level, in less time.
const fastLevel = 3

// Compressor writes a layer with gzip, the compression that every reader of
// packages knows. The same layer always returns the same bytes, however it is cut
// into writes.
type Compressor struct {
	w io.Writer
	// head holds what was written while it may still be a small layer.
	head []byte
	fast *kgzip.Writer
}

// NewCompressor begins a layer that goes to w. Close ends it and leaves w open.
func NewCompressor(w io.Writer) *Compressor { return &Compressor{w: w} }

func (c *Compressor) Write(p []byte) (int, error) {
	if c.fast == nil && len(c.head)+len(p) <= plainGzip {
		if len(c.head) > plainGzip/16 { // in one step to where it ends
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

// Close writes what is left.
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
