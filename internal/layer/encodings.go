package layer

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// deflate is a gzip file (RFC 1952) of one member, whose blocks end at a byte
// and refer to the preceding block.
type deflate struct {
	level     int
	checksum  uint32
	sizeBytes uint32 // modulo 2^32, as in the RFC
}

// fastLevel is the default level of layers of several blocks. At that level
// klauspost/compress is faster than at gzip's fastest one, with a better ratio;
// layers of programs are 10 % larger than at the default level.
const fastLevel = 3

// gzippers are large: a run of many small layers would allocate little else.
var gzippers = pool[*gzip.Writer]{make: func(level int) (*gzip.Writer, error) { return gzip.NewWriterLevel(io.Discard, level) }}

var deflaters = pool[*flate.Writer]{make: func(level int) (*flate.Writer, error) { return flate.NewWriter(io.Discard, level) }}

func newDeflate(c Compression) *deflate {
	if c.HasLevel {
		return &deflate{level: c.Level}
	}
	return &deflate{level: fastLevel}
}

func (*deflate) size() int   { return gzipBlock }
func (*deflate) window() int { return 32 << 10 }

// memory includes the tables of the level that has the largest.
func (*deflate) memory() int64 { return 2*gzipBlock + 5<<18 }

func (d *deflate) sum(p []byte) {
	d.checksum = crc32.Update(d.checksum, crc32.IEEETable, p)
	d.sizeBytes += uint32(len(p)) //nolint:gosec // a block is smaller
}

// begin returns a header without a name and a time, of an unknown system, as
// the standard library writes it.
func (*deflate) begin() []byte { return []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff} }

func (d *deflate) end() []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, d.checksum), d.sizeBytes)
}

func (d *deflate) encode(dst *bytes.Buffer, block, before []byte, last bool) error {
	w, err := deflaters.get(d.level)
	if err != nil {
		return err
	}
	defer deflaters.put(d.level, w)
	w.ResetDict(dst, before)
	if _, err := w.Write(block); err != nil {
		return err
	}
	if last {
		return w.Close()
	}
	return w.Flush()
}

// frames is a zstd file (RFC 8878) of one frame for each block.
type frames struct{ level zstd.EncoderLevel }

var framers = pool[*zstd.Encoder]{make: func(level int) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevel(level)), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdBlock), zstd.WithLowerEncoderMem(true))
}}

// newFrames maps levels to those of the library as BuildKit does.
func newFrames(c Compression) frames {
	if c.HasLevel {
		return frames{zstd.EncoderLevelFromZstd(c.Level)}
	}
	return frames{zstd.SpeedDefault}
}

// memory includes the history of the encoder and the tables of its level.
func (f frames) memory() int64 {
	tables := map[zstd.EncoderLevel]int64{zstd.SpeedBetterCompression: 5 << 20, zstd.SpeedBestCompression: 35 << 20}
	return 3*zstdBlock + max(tables[f.level], 3<<19)
}

func (frames) size() int     { return zstdBlock }
func (frames) window() int   { return 0 }
func (frames) sum([]byte)    {}
func (frames) begin() []byte { return nil }
func (frames) end() []byte   { return nil }

func (f frames) encode(dst *bytes.Buffer, block, _ []byte, _ bool) error {
	e, err := framers.get(int(f.level))
	if err != nil {
		return err
	}
	defer framers.put(int(f.level), e)
	dst.Grow(e.MaxEncodedSize(len(block))) // once, and the frame is not copied
	_, err = dst.Write(e.EncodeAll(block, dst.AvailableBuffer()))
	return err
}

// pool has encoders of each level, which layers reuse.
type pool[E any] struct {
	make func(level int) (E, error)
	free sync.Map // int → *sync.Pool
}

func (p *pool[E]) get(level int) (E, error) {
	if e, ok := p.of(level).Get().(E); ok {
		return e, nil
	}
	return p.make(level)
}

func (p *pool[E]) put(level int, e E) { p.of(level).Put(e) }

func (p *pool[E]) of(level int) *sync.Pool {
	free, _ := p.free.LoadOrStore(level, &sync.Pool{})
	return free.(*sync.Pool) //nolint:forcetypeassert // there is nothing else in it
}
