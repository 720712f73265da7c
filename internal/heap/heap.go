// Package heap sets how often the heap of a command is collected.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// rareGC is the heap size up to which garbage collection is rare. It takes a
	// tenth of the time of a small build.
	rareGC = 20 << 20
	// minPercent and maxPercent limit the growth of the heap until the next
	// collection, in percent of what is live.
	minPercent = 25
	maxPercent = 400
)

// Tune has the heap grow to rareGC before it is collected, and beyond that
// with what is live, so that neither the collector runs continuously on a layer
// of many files nor memory is several times what the files need.
func Tune() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(maxPercent)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	afterGC(func() {
		metrics.Read(live)
		debug.SetGCPercent(gcPercent(live[0].Value.Uint64()))
	})
}

// gcPercent returns the GOGC for a live heap.
func gcPercent(live uint64) int {
	if live >= rareGC {
		return minPercent
	}
	percent := (rareGC - live) * 100 / max(live, 1)
	return int(min(max(percent, minPercent), maxPercent))
}

// afterGC calls f after every collection.
func afterGC(f func()) {
	type sentinel struct{ _ [16]byte }
	var again func(*sentinel)
	again = func(s *sentinel) {
		f()
		runtime.SetFinalizer(s, again)
	}
	runtime.SetFinalizer(&sentinel{}, again)
}
