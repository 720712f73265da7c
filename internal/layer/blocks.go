package layer

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
)

// encoding is a format in which the blocks of a layer are compressed
// separately.
type encoding interface {
	// size is the size of all blocks but the last.
	size() int
	// memory is what a block takes while it is compressed, with the result.
	memory() int64
	// window is how much of the preceding block a block may refer to.
	window() int
	// encode writes a block to dst. before is the end of the preceding block.
	encode(dst *bytes.Buffer, block, before []byte, last bool) error
	// begin returns what precedes the blocks, and end what follows them.
	begin() []byte
	end() []byte
	// sum is called with the input, in order.
	sum(p []byte)
}

// blocks compresses the blocks of a layer side by side and writes them in
// order.
type blocks struct {
	w        io.Writer
	encoding encoding
	filling  *block
	before   []byte
	// turn is closed when all blocks that were started are written.
	turn chan struct{}
	// failure is the first error of any block.
	failure atomic.Pointer[error]
}

// block is a block and its buffers, which are reused.
type block struct {
	plain  []byte
	stored bytes.Buffer
	// filled frees the memory of plain.
	filled func()
}

var freeBlocks = sync.Pool{New: func() any { return new(block) }}

// newBlocks continues with a block that has the beginning of the layer.
func newBlocks(w io.Writer, e encoding, first *block) *blocks {
	b := &blocks{w: w, encoding: e, filling: first, turn: make(chan struct{})}
	e.sum(first.plain)
	if _, err := w.Write(e.begin()); err != nil {
		b.fail(err)
	}
	close(b.turn)
	return b
}

func newBlock(e encoding) *block {
	filled := filling.take(int64(e.size()))
	n := freeBlocks.Get().(*block) //nolint:forcetypeassert // there is nothing else in it
	n.filled = filled
	if cap(n.plain) < e.size() {
		n.plain = make([]byte, 0, e.size())
	}
	return n
}

// free returns the block after use.
func (n *block) free() {
	n.plain = n.plain[:0]
	n.stored.Reset()
	freeBlocks.Put(n)
}

func (b *blocks) fail(err error) { b.failure.CompareAndSwap(nil, &err) }

func (b *blocks) err() error {
	if err := b.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (b *blocks) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		// A full block is kept until something follows, as the last one is marked.
		if len(b.filling.plain) == b.encoding.size() {
			b.start(false)
			b.filling = newBlock(b.encoding)
		}
		if err := b.err(); err != nil {
			return written, err
		}
		n := min(len(p), b.encoding.size()-len(b.filling.plain))
		b.filling.plain = append(b.filling.plain, p[:n]...)
		b.encoding.sum(p[:n])
		p = p[n:]
		written += n
	}
	return written, nil
}

// start begins to compress the block that was filled. The blocks of a layer get
// their memory in order, so that the first one never waits for the others.
func (b *blocks) start(last bool) {
	n, before, turn, done := b.filling, b.before, b.turn, make(chan struct{})
	b.before = bytes.Clone(n.plain[max(0, len(n.plain)-b.encoding.window()):])
	b.turn = done
	worked := takeWork(b.encoding.memory())
	go func() {
		defer func() {
			n.free()
			close(done)
			worked()
		}()
		if b.err() == nil {
			if err := b.encoding.encode(&n.stored, n.plain, before, last); err != nil {
				b.fail(err)
			}
		}
		n.filled()
		<-turn
		if b.err() != nil {
			return
		}
		if _, err := b.w.Write(n.stored.Bytes()); err != nil {
			b.fail(err)
		}
	}()
}

// Close writes the last block and waits for all.
func (b *blocks) Close() error {
	b.start(true)
	<-b.turn
	if err := b.err(); err != nil {
		return err
	}
	_, err := b.w.Write(b.encoding.end())
	return err
}
