package layer

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// Limits on the memory of the blocks of all layers in the process, for any number
// of processors. A block waits in two places, so that layers that fill blocks
// cannot keep others from compressing theirs.
const (
	// fillMemory is for blocks that are filled, or wait to be compressed.
	fillMemory = 8 << 20
	// workMemory is for blocks that are compressed, or wait to be written.
	workMemory = 28 << 20
)

// memory is a limit in bytes.
type memory struct {
	limit int64
	free  *semaphore.Weighted
}

func newMemory(limit int64) memory { return memory{limit, semaphore.NewWeighted(limit)} }

var (
	filling = newMemory(fillMemory)
	working = newMemory(workMemory)
)

// take waits for n bytes, and returns the function that frees them. More than
// the limit is all of it.
func (m memory) take(n int64) (free func()) {
	n = min(n, m.limit)
	_ = m.free.Acquire(context.Background(), n) // fails only with the context
	return func() { m.free.Release(n) }
}

// takeWork waits for the memory to compress a block, whose encoder takes n
// bytes. The number of blocks compressed in parallel is the number of processors,
// and at least two, so that one is compressed while another one is written.
func takeWork(n int64) (free func()) {
	return working.take(max(n, workMemory/int64(max(2, runtime.GOMAXPROCS(0)))))
}
