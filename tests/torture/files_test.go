package torture_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/plugintest"
)

// outputs are the files and folders that the builds of this file write.
var outputs = []string{"x.cnb", "x-amd64.cnb", "x-arm64.cnb", "layout", "metadata.json"}

// writing is a build that writes all outputs, over those of an older version.
type writing struct {
	name string
	// inside puts the outputs into the extension, where the sources are.
	inside bool
	older  string // a folder that contains what was there before
	// before and after are the outputs and what is in them.
	before, after map[string]string
	sources       []string // what is in the folder of the outputs already
}

func (w *writing) args() []string {
	if w.inside { // where a layout is refused
		return []string{"build", ".", "--engine", "embedded", "-o", "x.cnb", "--metadata-file", "metadata.json"}
	}
	return []string{"build", world.extension, "--engine", "embedded", "-o", "x.cnb", "-o", "x-{{.Arch}}.cnb", "-o", "layout/", "--metadata-file", "metadata.json"}
}

// state returns what the outputs hold.
func state(dir string) map[string]string {
	out := map[string]string{}
	for _, name := range outputs {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			out[name] = listing(filepath.Join(dir, name))
		}
	}
	return out
}

// writings prepares the builds, in dir.
func writings(t *testing.T, dir string) []*writing {
	t.Helper()
	var all []*writing
	for _, w := range []*writing{{name: "build"}, {name: "build in the extension", inside: true}} {
		r, err := newRoom(dir)
		if err != nil {
			t.Fatal(err)
		}
		w.older = t.TempDir()
		for _, version := range []string{world.older, world.extension} {
			args := w.args()
			if w.inside {
				w.sources = []string{"extension.toml", "linux"}
				for _, name := range w.sources {
					if err := os.RemoveAll(filepath.Join(r.work, name)); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.CopyFS(r.work, os.DirFS(version)); err != nil {
					t.Fatal(err)
				}
			} else {
				args[1] = version
			}
			if got, err := r.run(t.Context(), args...); err != nil || got.code != 0 {
				t.Fatalf("%q: %v, exit code %d\n%s", args, err, got.code, got.stderr)
			}
			if version == world.older {
				w.before = state(r.work)
				for name := range w.before {
					if err := exec.Command("cp", "-a", filepath.Join(r.work, name), w.older).Run(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		w.after = state(r.work)
		r.remove()
		all = append(all, w)
	}
	return all
}

func isJSON(name string) bool {
	data, err := os.ReadFile(name)
	return err == nil && json.Valid(data)
}

// fill puts what was there before into a room.
func (w *writing) fill(work string) error {
	if err := os.CopyFS(work, os.DirFS(w.older)); err != nil {
		return err
	}
	if w.inside {
		return os.CopyFS(work, os.DirFS(world.extension))
	}
	return nil
}

// fileCase is a build that is disturbed from outside.
type fileCase struct {
	*writing
	what string
	// wrap are words before the command.
	wrap   []string
	during func(*os.Process)
	codes  []int
	killed bool
	mute   bool // standard error may be lost
	// fillDisk and freeDisk are called before and after the disturbed build.
	fillDisk, freeDisk func() error
}

// check runs one case and returns what is wrong.
func (c fileCase) check(ctx context.Context, dir string) (problems []string, first result) {
	r, err := newRoom(dir)
	if err != nil {
		return []string{err.Error()}, first
	}
	defer r.remove()
	return c.checkIn(ctx, r)
}

func (c fileCase) checkIn(ctx context.Context, r *room) (problems []string, first result) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if err := c.fill(r.work); err != nil {
		return []string{err.Error()}, first
	}
	if c.fillDisk != nil {
		if err := c.fillDisk(); err != nil {
			return []string{err.Error()}, first
		}
	}
	first, err := finish(r.command(ctx, c.wrap, c.args()...), c.during)
	if err == nil && c.freeDisk != nil {
		err = c.freeDisk()
	}
	if err != nil {
		return []string{err.Error()}, first
	}
	if !slices.Contains(c.codes, first.code) && !first.crashed() {
		wrong("exit code %d", first.code)
	}
	if first.code > 0 && first.stderr == "" && !c.mute {
		wrong("exit code %d without a word", first.code)
	}
	if strings.Contains(first.stderr, "panic: ") {
		wrong("a panic")
	}
	if !first.crashed() {
		problems = append(problems, plugintest.Repetitions(first.stderr)...)
	}
	if first.took > 60*time.Second {
		wrong("took %s", first.took)
	}
	now := state(r.work)
	for _, name := range outputs {
		switch {
		case now[name] == c.after[name]:
		case name == "metadata.json" && first.code > 0 && isJSON(filepath.Join(r.work, name)):
			// It says which outputs were written.
		case now[name] != c.before[name]:
			wrong("%s is neither as before nor as after: %.300s", name, now[name])
		case first.code == 0:
			wrong("exit code 0, and %s was not written", name)
		}
	}
	keep := append(slices.Clone(outputs), c.sources...)
	if !c.killed && !first.crashed() {
		for _, p := range slices.Concat(leftovers(r.temp), leftovers(r.work, keep...)) {
			wrong("left %s", p)
		}
	}
	again, err := r.run(ctx, c.args()...)
	if err != nil || again.code != 0 {
		wrong("run again: %v, exit code %d\n%s", err, again.code, again.stderr)
	}
	now = state(r.work)
	for _, name := range outputs {
		if now[name] != c.after[name] {
			wrong("run again: %s is another", name)
		}
	}
	for _, p := range slices.Concat(leftovers(r.temp), leftovers(r.work, keep...)) {
		wrong("run again: left %s", p)
	}
	return problems, first
}

// fileWorkers is how many builds that do not wait run in parallel.
const fileWorkers = 4

// TestKilledBuilds ends builds that write files at any time.
func TestKilledBuilds(t *testing.T) {
	dir := ramDir(t)
	var cases []fileCase
	for _, w := range writings(t, dir) {
		for ms := range 100 {
			for _, s := range signals {
				cases = append(cases, fileCase{
					writing: w, what: fmt.Sprintf("%s after %d ms", s.signal, ms), codes: s.codes, killed: s.codes[0] == -1,
					during: func(p *os.Process) {
						time.Sleep(time.Duration(ms) * time.Millisecond)
						_ = p.Signal(s.signal) // it may have ended
					},
				})
			}
		}
	}
	runFileCases(t, "kills at any time", dir, sample(cases, amount(30, 100, 600)))
}

func runFileCases(t *testing.T, kind, dir string, cases []fileCase) {
	t.Helper()
	sources := listing(world.extension)
	each(fileWorkers, cases, func(_ int, c fileCase) {
		problems, r := c.check(t.Context(), dir)
		counts.add(t, kind, c.name+", "+c.what, problems, &r)
	})
	if now := listing(world.extension); now != sources {
		t.Errorf("the extension changed:\n%s\n%s", sources, now)
	}
}
