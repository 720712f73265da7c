package torture_test

import (
	"flag"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// atOnce is how many cases of a kind run at once: most wait for a pause to end.
const atOnce = 24

// faultCases is how many faults are tried with each registry and protocol:
// go test ./tests/torture -run TestFaults -faults 5000 -v
var faultCases = flag.Int("faults", amount(60, 250, 2500), "how many faults are tried with each registry and protocol")

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
				var cases, silent []disturbance
				for i, op := range operations() {
					done := rehearse(t, stations[0], dir, fmt.Sprintf("undisturbed/%d", i), op)
					t.Logf("%s: %d requests", op.name, done.requests)
					for n := 1; n <= done.requests; n++ {
						for _, f := range all {
							if f.http1 && http2 || f.http2 && !http2 {
								continue
							}
							d := disturbance{rehearsal: done, fault: f, at: n, codes: codesFor(f), limit: 40 * time.Second}
							if f.slow {
								d.limit = 150 * time.Second
								silent = append(silent, d)
								continue
							}
							cases = append(cases, d)
						}
					}
				}
				t.Logf("%d cases, and %d of silence", len(cases), len(silent))
				var number atomic.Int64
				chosen := append(sample(silent, amount(0, 0, 2*atOnce)), sample(cases, *faultCases)...)
				each(atOnce, chosen, func(worker int, d disturbance) {
					problems, r := d.check(t.Context(), stations[worker], dir, fmt.Sprintf("case/%d", number.Add(1)))
					counts.add(t, kind, fmt.Sprintf("%s, request %d: %s", d.name, d.at, d.fault.name), problems, &r)
				})
			})
		}
	}
}
