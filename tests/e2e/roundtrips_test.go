package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/link"
)

// TestRoundTrips counts the round trips that docs/benchmarks.md promises, and one
// in which a registry on this machine is asked whether it speaks TLS. A busy
// machine sends requests late, which only adds to them, so the fewest of some
// runs count.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	l := link.New(world.Registry(), 60*time.Millisecond)
	defer l.Close()
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("samples/trips", fourTargets)})
	change := func(n int) {
		for _, arch := range []string{"amd64", "arm64", "riscv64", "s390x"} {
			writeFile(t, filepath.Join(dir, "linux", arch, "bin", "generate"), fmt.Sprintf("%s# %s %d\n", script, arch, n))
		}
	}
	other := extensionDir(t, map[string]string{"extension.toml": descriptor("samples/trips", "\n[[targets]]\nos = \"linux\"\narch = \"ppc64le\"\n"), "bin/generate": script})
	a, b := tagRepository(l, t)+"/a:1", tagRepository(l, t)+"/b:1"
	build := func(dir, tag string) []string {
		return []string{"build", "-q", "--engine", "embedded", "--push", "-t", tag, dir}
	}
	change(0)
	mustExtpack(t, t.TempDir(), build(dir, a)...)
	mustExtpack(t, t.TempDir(), build(other, b)...)
	for _, c := range []struct {
		name    string
		most    int
		command func(try int) []string
	}{
		{"new content, new tag", 7, func(try int) []string {
			change(10 + try)
			return build(dir, fmt.Sprintf("%s-%d", a, try))
		}},
		{"new content, tag that exists", 7, func(try int) []string {
			change(20 + try)
			return build(dir, a)
		}},
		{"unchanged", 4, func(int) []string { return build(dir, a) }},
		{"inspect", 4, func(int) []string { return []string{"inspect", a} }},
		{"verify --no-layers", 4, func(int) []string { return []string{"verify", "--no-layers", a} }},
		{"annotate", 6, func(try int) []string { return []string{"annotate", a, "--annotation", fmt.Sprintf("x=%d", try)} }},
		{"index add", 6, func(try int) []string {
			if try > 0 {
				mustExtpack(t, t.TempDir(), build(dir, a)...)
			}
			return []string{"index", "add", a, b}
		}},
	} {
		const tries = 4
		var trips []int
		for try := range tries {
			args := c.command(try)
			l.Take()
			mustExtpack(t, t.TempDir(), args...)
			trips = append(trips, link.Trips(untilTag(l.Take(), args[0])))
			if slices.Min(trips) <= c.most {
				break
			}
		}
		if n := slices.Min(trips); n != c.most {
			t.Errorf("%s: %d round trips, want %d; all runs: %v", c.name, n, c.most, trips)
		}
	}
}

// untilTag leaves out the look at a tag a second after an edit of an index.
func untilTag(all []link.Request, command string) []link.Request {
	written := slices.IndexFunc(all, func(r link.Request) bool { return kindOf(r) == "PUT TAG" })
	if command == "build" || written < 0 {
		return all
	}
	return all[:written+1]
}
