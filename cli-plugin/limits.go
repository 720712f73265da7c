package cliplugin

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// limitFactor returns by how much the user multiplies the limits on what one
// command reads of packages.
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

// minMemory is the heap up to which packing is collected rarely.
const minMemory = 40 << 20

// tuneGC collects less often than Go does for servers: a run is over before
// its garbage matters, and collecting is a tenth of a small build. The memory
// limit brings it back where there is much to hold; it grows with what is in
// use, or the collector would run without end on a layer of many files.
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
		// Of the last collection, before anything was allocated again: what is
		// in use fills half of the limit at most.
		debug.SetMemoryLimit(max(minMemory, 2*int64(m.HeapAlloc)+minMemory/4))
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
