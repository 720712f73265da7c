package layer

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
)

// heapWatch discards what is written, and keeps the largest size of the heap.
type heapWatch struct{ peak atomic.Uint64 }

func (w *heapWatch) Write(p []byte) (int, error) {
	now := heapNow()
	for was := w.peak.Load(); now > was && !w.peak.CompareAndSwap(was, now); was = w.peak.Load() {
	}
	return len(p), nil
}

func heapNow() uint64 {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	return heap[0].Value.Uint64()
}

// TestCompressorMemory: the memory of compressors depends neither on the number
// of processors nor on that of layers. Without a limit these take some 200 MB.
func TestCompressorMemory(t *testing.T) { //nolint:paralleltest // it sets the number of processors
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(16))
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	const layers, most = 8, 64 << 20
	plain := sample(1, 2<<20)
	for _, how := range []Compression{{}, {Name: Zstd}} {
		runtime.GC()
		before := heapNow()
		var watch heapWatch
		var all sync.WaitGroup
		for range layers {
			all.Go(func() {
				z := NewCompressor(&watch, how)
				defer z.Close()
				for range 3 {
					if _, err := z.Write(plain); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if took := int64(watch.peak.Load()) - int64(before); took > most {
			t.Errorf("%+v: %d layers took %d MB, want at most %d", how, layers, took>>20, most>>20)
		} else {
			t.Logf("%+v: %d layers took %d MB", how, layers, took>>20)
		}
	}
}
