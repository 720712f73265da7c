package cliplugin

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// limitFactor returns the user's factor for the limits on reading packages.
func limitFactor() (int, error) {
	value := os.Getenv(oci.EnvLimits)
	if value == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 1000 {
		return 0, diag.Invalidf("%s=%.40q is not a number from 1 to 1000", oci.EnvLimits, value)
	}
	return n, nil
}

// minMemory is the heap size up to which garbage collection is rare.
const minMemory = 40 << 20

// tuneGC reduces garbage collection, which takes a tenth of the time of a small
// build. The memory limit restores it for large heaps. The limit grows with the
// live heap, or the collector would run continuously on a layer with many
// files.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(minMemory)
	afterGC(func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		// The live heap after the last collection is at most half of the limit.
		debug.SetMemoryLimit(max(minMemory, 2*int64(m.HeapAlloc)+minMemory/4)) //nolint:gosec // no heap is that large
	})
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
