package torture_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// systemCalls are what strace makes fail, and how often a build may call them in
// one thread.
var systemCalls = []struct {
	names string
	times int
}{
	{"openat", 60},
	{"read", 60},
	{"write", 30},
	{"?rename,?renameat,?renameat2", 10},
	{"?link,?linkat", 2},
	{"fsync", 10},
	{"?unlink,?unlinkat,?rmdir", 20},
	{"?mkdir,?mkdirat", 12},
	{"?fchmod,?fchmodat,?chmod", 6},
	{"getdents64", 16},
	{"flock", 8},
	{"ftruncate", 2},
}

var injections = []string{"error=EIO", "error=ENOSPC", "error=EMFILE", "error=EACCES", "signal=KILL"}

// strace returns the words before a command that break one system call.
func strace(calls, injection string, n int) []string {
	return []string{
		"strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=" + calls,
		"-e", fmt.Sprintf("inject=%s:%s:when=%d", calls, injection, n),
	}
}

// injectionCase is one system call that fails.
type injectionCase struct {
	calls, injection string
	n                int
}

func (c injectionCase) String() string {
	return fmt.Sprintf("%s at %s %d", c.injection, strings.ReplaceAll(c.calls, "?", ""), c.n)
}
func (c injectionCase) killed() bool { return c.injection == "signal=KILL" }

func injectionCases() (all []injectionCase) {
	for _, call := range systemCalls {
		for n := 1; n <= call.times; n++ {
			for _, injection := range injections {
				all = append(all, injectionCase{call.names, injection, n})
			}
		}
	}
	return all
}

// TestSystemCalls has each system call of a build fail that writes files, or
// publishes.
func TestSystemCalls(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatalf("%v: install it", err)
	}
	dir := ramDir(t)
	var cases []fileCase
	for _, w := range writings(t, dir) {
		for _, c := range injectionCases() {
			codes := []int{0, 1}
			switch {
			case c.killed():
				codes = []int{-1, 0, 137}
			case c.injection == "error=EACCES":
				codes = []int{0, 1, 2} // what may not be read is wrong input
			}
			cases = append(cases, fileCase{
				writing: w, what: c.String(), wrap: strace(c.calls, c.injection, c.n), codes: codes, killed: c.killed(), mute: c.calls == "write",
			})
		}
	}
	runFileCases(t, "system calls: files", dir, sample(cases, amount(60, 150, 1500)))

	stations := newStations(t, registries["distribution"](t), false, fileWorkers)
	var edits []struct {
		disturbance
		injectionCase
	}
	for i, op := range operations() {
		done := rehearse(t, stations[0], dir, fmt.Sprintf("undisturbed/%d", i), op)
		for _, c := range injectionCases() {
			edits = append(edits, struct {
				disturbance
				injectionCase
			}{disturbance{
				rehearsal: done, codes: []int{0, 1, 2, -1}, killed: true, mute: c.calls == "write", limit: 40 * time.Second,
				run: func(ctx context.Context, s *station, r *room, args []string) (result, error) {
					s.arm(fault{}, 0, false, nil)
					s.lose(c.calls == "read" || c.calls == "write") // an answer about an upload may be
					return finish(r.command(ctx, strace(c.calls, c.injection, c.n), args...), nil)
				},
			}, c})
		}
	}
	var number atomic.Int64
	each(fileWorkers, sample(edits, amount(30, 70, 500)), func(worker int, c struct {
		disturbance
		injectionCase
	},
	) {
		problems, r := c.check(t.Context(), stations[worker], dir, fmt.Sprintf("case/%d", number.Add(1)))
		counts.add(t, "system calls: tags", c.name+", "+c.String(), problems, &r)
	})
}
