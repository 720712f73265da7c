package torture_test

import (
	"flag"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// atOnce is how many cases of a kind run in parallel: most wait for a pause to end.
const atOnce = 24

// faultCases is how many faults are tried with each registry and protocol:
// go test ./tests/torture -run TestFaults -faults 5000 -v
var faultCases = flag.Int("faults", amount(60, 250, 1400), "how many faults are tried with each registry and protocol")

// only limits the faults to those of one name:
// go test ./tests/torture -run TestFaults/HTTP -fault 'no location' -faults 9999
var only = flag.String("fault", "", "the name of the only fault to try")

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
							if f.http1 && http2 || f.http2 && !http2 || *only != "" && f.name != *only {
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

// lasting are faults that are tried for all requests that follow, too.
var lasting = []string{
	"401", "403", "404", "405", "429, Retry-After 0", "500", "503", "503, HTML", "500 after it was done", "502 after it was done", "200, a portal", "200, empty",
	"202, empty", "301 to nowhere", "307 to itself", "another digest", "no digest", "no content type", "no location", "a flipped byte", "a byte too few", "cut in the body", "early hints",
	"any other success", "done twice", "dropped before", "dropped after", "ended before", "ended after", "garbage", "half a header",
}

// TestLastingFaults breaks a request and all that follow. A command ends, says
// where the tags are, and succeeds when the registry has recovered.
func TestLastingFaults(t *testing.T) {
	t.Parallel() // it waits more than it works
	all := slices.DeleteFunc(faults(), func(f fault) bool { return !slices.Contains(lasting, f.name) })
	if len(all) != len(lasting) {
		t.Fatalf("%d of %d faults", len(all), len(lasting))
	}
	for name, start := range registries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := ramDir(t)
			stations := newStations(t, start(t), false, atOnce)
			var cases []disturbance
			for i, op := range operations() {
				done := rehearse(t, stations[0], dir, fmt.Sprintf("undisturbed/%d", i), op)
				for n := 1; n <= done.requests; n++ {
					for _, f := range all {
						if *only == "" || f.name == *only {
							cases = append(cases, disturbance{rehearsal: done, fault: f, at: n, rest: true, codes: []int{0, 1, 2}, limit: 90 * time.Second})
						}
					}
				}
			}
			t.Logf("%d cases", len(cases))
			var number atomic.Int64
			each(atOnce, sample(cases, amount(24, 48, 400)), func(worker int, d disturbance) {
				problems, r := d.check(t.Context(), stations[worker], dir, fmt.Sprintf("case/%d", number.Add(1)))
				counts.add(t, "faults that last: "+name, fmt.Sprintf("%s, from request %d on: %s", d.name, d.at, d.fault.name), problems, &r)
			})
		})
	}
}
