package torture_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// signals are what a process is ended by, and how it may exit. One that has
// hardly started is ended by any.
var signals = []struct {
	signal syscall.Signal
	codes  []int
}{
	{syscall.SIGKILL, []int{-1, 0}},
	{syscall.SIGINT, []int{130, 0, -1}},
	{syscall.SIGTERM, []int{130, 0, -1}},
}

// TestKills ends each operation at each of its requests, before the registry has
// handled the request and after.
func TestKills(t *testing.T) {
	for name, start := range registries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := ramDir(t)
			stations := newStations(t, start(t), false, atOnce)
			var cases []killCase
			for i, op := range operations() {
				done := rehearse(t, stations[0], dir, fmt.Sprintf("undisturbed/%d", i), op)
				for n := 1; n <= done.requests; n++ {
					for _, s := range signals {
						for _, after := range []bool{false, true} {
							d := disturbance{rehearsal: done, at: n, codes: s.codes, killed: s.signal == syscall.SIGKILL, limit: 20 * time.Second}
							cases = append(cases, killCase{d, s.signal, after, false})
							if s.signal == syscall.SIGTERM {
								cases = append(cases, killCase{d, s.signal, after, true})
							}
						}
					}
				}
			}
			var number atomic.Int64
			each(atOnce, sample(cases, amount(40, 100, 1000)), func(worker int, c killCase) {
				c.run = c.strike
				problems, r := c.check(t.Context(), stations[worker], dir, fmt.Sprintf("case/%d", number.Add(1)))
				counts.add(t, "kills: "+name, fmt.Sprintf("%s, %s at request %d, forwarded %v, again %v", c.name, c.signal, c.at, c.after, c.again), problems, &r)
			})
		})
	}
}

type killCase struct {
	disturbance
	signal       syscall.Signal
	after, again bool
}

// strike sends the signal as a request arrives, or after the registry has done
// what it asks for; again sends it twice, as a terminal that closes does.
func (c killCase) strike(ctx context.Context, s *station, r *room, args []string) (result, error) {
	started := make(chan *os.Process, 1)
	kill := func() {
		p := <-started
		for range 2 {
			_ = p.Signal(c.signal) // it may have ended
			time.Sleep(5 * time.Millisecond)
			if !c.again {
				break
			}
		}
	}
	f, hook := fault{}, kill
	if c.after {
		hook = nil
		f = afterwards("", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			kill()
			copyAnswer(w, rec, rec.Body.Bytes())
		})
	}
	s.arm(f, c.at, false, hook)
	return finish(r.command(ctx, nil, args...), func(p *os.Process) { started <- p })
}
