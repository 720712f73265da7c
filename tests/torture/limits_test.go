package torture_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLimits runs builds with few open files, little memory, little disk, a
// small file size, and under each kind of umask.
func TestLimits(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("limits are set as on Linux")
	}
	dir := ramDir(t)
	limited := func(limit string) []string { return []string{"sh", "-c", limit + ` && exec "$0" "$@"`} }
	var cases []fileCase
	for _, w := range writings(t, dir) {
		for n := 4; n <= 40; n += amount(4, 2, 1) {
			c := fileCase{writing: w, what: fmt.Sprintf("%d open files", n), wrap: limited(fmt.Sprintf("ulimit -n %d", n)), codes: []int{0, 1}}
			c.killed = n < 20 // removing a folder takes open files, too
			cases = append(cases, c)
		}
		for mb := 20; mb <= 400; mb += amount(80, 40, 10) {
			cases = append(cases, fileCase{writing: w, what: fmt.Sprintf("%d MiB of memory", mb), wrap: limited(fmt.Sprintf("ulimit -v %d", mb<<10)), codes: []int{0, 1, -1, 127}, mute: true}) // 127 for too little to load it
		}
		for blocks := 0; blocks <= 24; blocks += amount(4, 2, 1) {
			// SIGXFSZ is ignored by Go, and the write fails.
			cases = append(cases, fileCase{writing: w, what: fmt.Sprintf("files of %d blocks", blocks), wrap: limited(fmt.Sprintf("ulimit -f %d", blocks)), codes: []int{0, 1, -1}})
		}
		for _, mask := range []string{"000", "002", "022", "027", "077", "277"} {
			cases = append(cases, fileCase{writing: w, what: "umask " + mask, wrap: limited("umask " + mask), codes: []int{0, 1}})
		}
	}
	runFileCases(t, "limits of files, memory, size and umask", dir, cases)
}

// TestDisks runs builds on disks with room for less and less, and on one that
// cannot be written.
func TestDisks(t *testing.T) {
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("disks are mounted by root on Linux")
	}
	dir := ramDir(t)
	disk := t.TempDir()
	mount := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("mount", append(args, disk)...).CombinedOutput(); err != nil {
			t.Fatalf("mount: %v\n%s", err, out)
		}
	}
	mount("-t", "tmpfs", "-o", "size=1m", "tmpfs")
	t.Cleanup(func() { _ = exec.Command("umount", disk).Run() })
	filler := filepath.Join(disk, "filler")
	for _, w := range writings(t, dir) {
		for free := 0; free <= 240; free += amount(24, 8, 4) {
			for _, separate := range []bool{false, true} { // temporary files elsewhere
				mount("-o", "remount,size=1m")
				c := fileCase{writing: w, what: fmt.Sprintf("%d KiB free, temporary files elsewhere %v", free, separate), codes: []int{0, 1}}
				r, err := newRoom(disk)
				if err != nil {
					t.Fatal(err)
				}
				if separate {
					r.temp = t.TempDir()
					r.env = append(r.env, "TMPDIR="+r.temp)
				}
				c.fillDisk = func() error {
					size := (1<<10 - used(t, disk)) - free
					return os.WriteFile(filler, make([]byte, max(size, 0)<<10), 0o644)
				}
				c.freeDisk = func() error { return os.Remove(filler) }
				problems, result := c.checkIn(t.Context(), r)
				counts.add(t, "full disks", c.name+", "+c.what, problems, &result)
				r.remove()
			}
		}
		c := fileCase{writing: w, what: "read-only", codes: []int{1}}
		r, err := newRoom(disk)
		if err != nil {
			t.Fatal(err)
		}
		c.fillDisk = func() error { mount("-o", "remount,ro"); return nil }
		c.freeDisk = func() error { mount("-o", "remount,rw"); return nil }
		problems, result := c.checkIn(t.Context(), r)
		counts.add(t, "read-only disks", c.name, problems, &result)
		r.remove()
	}
}

// used returns how many KiB of a disk are in use.
func used(t *testing.T, dir string) int {
	t.Helper()
	out, err := exec.Command("df", "--output=used", "-k", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(out)) // "Used" and a number
	n, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestClocks builds from files of any age, which no digest depends on.
func TestClocks(t *testing.T) {
	dir := ramDir(t)
	want := ""
	for i, when := range []string{"", "1970-01-01", "1901-12-14", "2038-01-20", "2106-02-08", "2200-01-01"} {
		r, err := newRoom(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.remove()
		source := filepath.Join(filepath.Dir(r.work), "source")
		if err := os.CopyFS(source, os.DirFS(world.extension)); err != nil {
			t.Fatal(err)
		}
		if when != "" {
			at, err := time.Parse(time.DateOnly, when)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"extension.toml", "linux/amd64/bin/generate", "linux/arm64/bin"} {
				if err := os.Chtimes(filepath.Join(source, name), at, at); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := r.run(t.Context(), "build", source, "--engine", "embedded", "-o", "x.cnb")
		var problems []string
		if err != nil || got.code != 0 {
			problems = append(problems, fmt.Sprint(err))
		}
		now := listing(r.work)
		if i == 0 {
			want = now
		}
		if now != want {
			problems = append(problems, "the package depends on times: "+now)
		}
		counts.add(t, "clocks", "files of "+when, problems, &got)
	}
}

// TestBuildsAtOnce lets builds write the same outputs, and outputs in one
// folder that is the extension.
func TestBuildsAtOnce(t *testing.T) {
	dir := ramDir(t)
	for _, w := range writings(t, dir) {
		for round := range amount(2, 4, 50) {
			r, err := newRoom(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.fill(r.work); err != nil {
				t.Fatal(err)
			}
			results := make([]result, 8)
			var group sync.WaitGroup
			for i := range results {
				group.Go(func() {
					args := w.args()
					if w.inside && i%2 == 1 {
						args = []string{"build", ".", "--engine", "embedded", "-o", "y" + strconv.Itoa(i) + ".cnb"}
					}
					var err error
					if results[i], err = r.run(t.Context(), args...); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			now := state(r.work)
			keep := append(slices.Clone(outputs), w.sources...)
			for i, got := range results {
				var problems []string
				if got.code != 0 {
					problems = append(problems, fmt.Sprintf("exit code %d", got.code))
				}
				if w.inside && i%2 == 1 {
					name := "y" + strconv.Itoa(i) + ".cnb"
					keep = append(keep, name)
					if listing(filepath.Join(r.work, name)) != w.after["x.cnb"] {
						problems = append(problems, name+" is another package")
					}
				}
				counts.add(t, "builds at once: "+w.name, fmt.Sprintf("round %d, process %d", round, i), problems, &got)
			}
			for name, want := range w.after {
				if now[name] != want {
					t.Errorf("%s, round %d: %s is another", w.name, round, name)
				}
			}
			for _, p := range append(leftovers(r.temp), leftovers(r.work, keep...)...) {
				t.Errorf("%s, round %d: left %s", w.name, round, p)
			}
			r.remove()
		}
	}
}
