// Package torture_test breaks what docker-extpack depends on, one thing at a
// time, and checks after each case what is there by other means than its own.
//
// A fault proxy in front of a registry breaks request N in many ways, processes
// are killed, system calls fail, disks are full, and processes race. The checker
// (check_test.go) knows plain HTTP, SHA-256 and JSON only.
//
// The short form is a sample. EXTPACK_TORTURE=ci runs more than a thousand cases
// in about three minutes, EXTPACK_TORTURE=full all of them ("make torture").
package torture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/plugintest"
)

// mode is how much is run: "" for a sample, "ci" or "full".
var mode = os.Getenv("EXTPACK_TORTURE")

// world is what all tests share.
var world struct {
	plugin string
	// extension has two platforms, and older is an older version of it.
	extension, older string
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "extpack-torture-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if world.plugin, err = plugintest.Build(context.Background(), dir); err != nil {
		return fail(err)
	}
	world.extension, world.older = filepath.Join(dir, "extension"), filepath.Join(dir, "older")
	for path, version := range map[string]string{world.extension: "1.2.3", world.older: "1.2.2"} {
		if err := writeExtension(path, version); err != nil {
			return fail(err)
		}
	}
	code := m.Run()
	if err := counts.print(); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "torture:", err)
	return 1
}

func writeExtension(dir, version string) error {
	return plugintest.WriteFiles(dir, map[string]string{
		"extension.toml": fmt.Sprintf("api = \"0.10\"\n\n[extension]\nid = \"torture/x\"\nversion = %q\n\n", version) +
			"[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n",
		"linux/amd64/bin/generate": "#!/bin/sh\n# amd64 " + version + "\nexit 0\n",
		"linux/arm64/bin/generate": "#!/bin/sh\n# arm64 " + version + "\nexit 0\n",
	})
}

// writePlainExtension writes an extension that is the same on every platform.
func writePlainExtension(dir string) error {
	return plugintest.WriteFiles(dir, map[string]string{
		"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"torture/plain\"\nversion = \"1.0.0\"\n",
		"bin/generate":   "#!/bin/sh\nexit 0\n",
	})
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int // -1 for a signal
	took           time.Duration
}

// crashed reports that the runtime of Go ended the program, as it does when
// its own system calls fail.
func (r result) crashed() bool {
	return strings.Contains(r.stderr, "fatal error: ") || strings.Contains(r.stderr, "runtime: ") || strings.Contains(r.stderr, "error while loading shared libraries")
}

// room is where one case runs: its own folder to work in and for temporary
// files.
type room struct {
	work, temp string
	env        []string
}

// newRoom makes a room below dir.
func newRoom(dir string, env ...string) (*room, error) {
	dir, err := os.MkdirTemp(dir, "room-")
	if err != nil {
		return nil, err
	}
	r := &room{work: filepath.Join(dir, "work"), temp: filepath.Join(dir, "temp")}
	home := filepath.Join(dir, "home")
	for _, d := range []string{r.work, r.temp, home} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, err
		}
	}
	// The environment is that of the test without what could reach elsewhere.
	r.env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + r.temp}, env...)
	return r, nil
}

func (r *room) remove() { _ = os.RemoveAll(filepath.Dir(r.work)) }

// command prepares the plugin to run in the room, behind the words of wrap.
func (r *room) command(ctx context.Context, wrap []string, args ...string) *exec.Cmd {
	words := append(append(slices.Clone(wrap), world.plugin), args...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = r.work, r.env
	return cmd
}

// run runs the plugin to its end.
func (r *room) run(ctx context.Context, args ...string) (result, error) {
	return finish(r.command(ctx, nil, args...), nil)
}

// finish runs a command; during is called once it runs.
func finish(cmd *exec.Cmd, during func(*os.Process)) (result, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	if during != nil {
		during(cmd.Process)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return result{}, err
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(begin)}, nil
}

// counts are the numbers of cases that ran, by kind.
var counts = tally{cases: map[string]int{}, failed: map[string]int{}}

type tally struct {
	mu            sync.Mutex
	cases, failed map[string]int
	total         int
}

// maxMessages is how many failures of a kind are shown in full.
const maxMessages = 8

// add counts a case, and reports what is wrong with it.
func (c *tally) add(t *testing.T, kind, name string, problems []string, r *result) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cases[kind]++
	if c.total++; c.total%1000 == 0 {
		t.Logf("%d cases so far", c.total)
	}
	if len(problems) == 0 {
		return
	}
	c.failed[kind]++
	if c.failed[kind] > maxMessages {
		t.Errorf("%s: %.200s", name, problems[0])
		return
	}
	t.Errorf("%s: %s\nexit code %d after %s\nstdout: %s\nstderr: %s", name, strings.Join(problems, "; "), r.code, r.took.Round(time.Millisecond), r.stdout, r.stderr)
}

// print prints the counts, and writes them to the file that
// EXTPACK_TORTURE_COUNTS names: go test hides the output of a package that passes.
func (c *tally) print() error {
	var text strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(c.cases)) {
		fmt.Fprintf(&text, "%6d cases, %d failed: %s\n", c.cases[kind], c.failed[kind], kind)
	}
	fmt.Fprintf(&text, "%6d cases\n", c.total)
	fmt.Print(text.String())
	if name := os.Getenv("EXTPACK_TORTURE_COUNTS"); name != "" {
		return os.WriteFile(name, []byte(text.String()), 0o644)
	}
	return nil
}

// sample returns about n of the cases, evenly spread and always the same.
func sample[T any](cases []T, n int) []T {
	if n >= len(cases) {
		return cases
	}
	out := make([]T, 0, n)
	for i := range n {
		out = append(out, cases[i*len(cases)/n])
	}
	return out
}

// amount returns how many cases a mode runs.
func amount(short, ci, full int) int {
	switch mode {
	case "full":
		return full
	case "ci":
		return ci
	}
	return short
}

// each runs f for every case, on that many workers.
func each[T any](workers int, cases []T, f func(worker int, c T)) {
	queue := make(chan T)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for c := range queue {
				f(w, c)
			}
		})
	}
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	group.Wait()
}
