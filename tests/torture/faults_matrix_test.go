package torture_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// atOnce is how many cases of a kind run at once: most wait for a pause to end.
const atOnce = 24

// TestFaults breaks each request of each operation in each way, over HTTP/1.1
// and HTTP/2, in front of two implementations of a registry.
func TestFaults(t *testing.T) {
	all := faults()
	for name, start := range registries {
		for protocol, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
			kind := "faults: " + protocol + ", " + name
			t.Run(protocol+" "+name, func(t *testing.T) {
				t.Parallel()
				dir := ramDir(t)
				stations := newStations(t, start(t), http2, atOnce)
				var cases []disturbance
				for i, op := range operations() {
					done := rehearse(t, stations[0], dir, fmt.Sprintf("undisturbed/%d", i), op)
					t.Logf("%s: %d requests", op.name, done.requests)
					for n := 1; n <= done.requests; n++ {
						for _, f := range all {
							if f.http1 && http2 || f.http2 && !http2 || f.slow && mode != "full" {
								continue
							}
							limit := 40 * time.Second
							if f.slow {
								limit = 150 * time.Second
							}
							cases = append(cases, disturbance{rehearsal: done, fault: f, at: n, codes: codesFor(f), limit: limit})
						}
					}
				}
				t.Logf("%d cases", len(cases))
				var number atomic.Int64
				each(atOnce, sample(cases, amount(60, 250, 3000)), func(worker int, d disturbance) {
					problems, r := d.check(t.Context(), stations[worker], dir, fmt.Sprintf("case/%d", number.Add(1)))
					counts.add(t, kind, fmt.Sprintf("%s, request %d: %s", d.name, d.at, d.fault.name), problems, &r)
				})
			})
		}
	}
}
