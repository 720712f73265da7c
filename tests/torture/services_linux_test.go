package torture_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/plugintest"
	"github.com/extpack/extpack/tests/sandbox"
)

// service is what a build depends on and does not control.
type service struct {
	name string
	// kill ends it as a crash would, while the plugin is process p.
	kill func(p *os.Process) error
	// restart starts it again: at once, or once the command has ended.
	restart func() error
	atOnce  bool
}

// TestKilledServices kills the builder, buildx or the registry in the middle of a
// build that publishes.
func TestKilledServices(t *testing.T) {
	t.Parallel() // it waits more than it works
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	s, err := sandbox.Start(ctx, sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	none := func() error { return nil }
	restartRegistry := func() error { return s.RestartRegistry(t.Context()) }
	killRegistry := func(*os.Process) error { return s.KillRegistry() }
	services := []service{
		{"the builder", func(*os.Process) error { return s.KillBuilder(s.Builder()) }, func() error { return s.RestartBuilder(t.Context(), s.Builder()) }, false},
		{"buildx", killBuildx, none, false},
		{"the registry", killRegistry, restartRegistry, true},
		{"the registry for long", killRegistry, restartRegistry, false},
	}
	v := &visit{sandbox: s, dir: ramDir(t)}
	took := v.rehearse(t)
	rounds, failed := amount(1, 2, 10), 0
	for n := range rounds * len(services) {
		victim := services[n%len(services)]
		// Over the time of an undisturbed build, which is about the same.
		delay := took * time.Duration(n/len(services)*2+1) / time.Duration(2*rounds)
		problems, r := v.check(t.Context(), victim, delay, fmt.Sprintf("case/%d", n))
		if r.code != 0 {
			failed++
		}
		counts.add(t, "killed services: "+victim.name, fmt.Sprintf("%s after %s", victim.name, delay.Round(time.Millisecond)), problems, &r)
	}
	t.Logf("%d of %d builds failed", failed, rounds*len(services))
	if failed == 0 {
		t.Error("no kill had an effect")
	}
}

// visit is a build with a builder that publishes to a registry.
type visit struct {
	disturbance
	sandbox *sandbox.Sandbox
	dir     string
}

func (v *visit) place(name string) (repository, string) {
	return repository{"http://" + v.sandbox.Registry(), name}, v.sandbox.Registry() + "/" + name
}

// built returns the command that builds an extension.
func built(extension, ref string) []string {
	return []string{"build", extension, "--engine", "buildx", "--push", "-t", ref + ":1", "-t", ref + ":2"}
}

// rehearse runs the build undisturbed and returns the time that it takes.
func (v *visit) rehearse(t *testing.T) time.Duration {
	t.Helper()
	r, err := newRoom(v.dir, v.sandbox.Env()...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.remove()
	repo, ref := v.place("undisturbed")
	var took time.Duration
	for _, extension := range []string{world.older, world.extension} {
		got, err := r.run(t.Context(), built(extension, ref)...)
		if err != nil || got.code != 0 {
			t.Fatalf("%v, exit code %d\n%s", err, got.code, got.stderr)
		}
		if extension == world.older {
			v.before, err = repo.snapshot()
		} else {
			v.after, err = repo.tags()
		}
		if err != nil {
			t.Fatal(err)
		}
		took = got.took
	}
	return took
}

// check kills a service and checks what is there afterwards, and after the same
// command again.
func (v *visit) check(ctx context.Context, victim service, delay time.Duration, name string) (problems []string, first result) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	r, err := newRoom(v.dir, v.sandbox.Env()...)
	if err != nil {
		return []string{err.Error()}, first
	}
	defer r.remove()
	repo, ref := v.place(name)
	if err := repo.restore(v.before); err != nil {
		return []string{"preparing: " + err.Error()}, first
	}
	args := built(world.extension, ref)
	var killed error
	first, err = finish(r.command(ctx, nil, args...), func(p *os.Process) {
		time.Sleep(delay)
		killed = victim.kill(p)
		if victim.atOnce {
			time.Sleep(time.Second)
			killed = errors.Join(killed, victim.restart())
		}
	})
	if !victim.atOnce {
		killed = errors.Join(killed, victim.restart())
	}
	if err := errors.Join(err, killed); err != nil {
		return []string{err.Error()}, first
	}
	if first.code != 0 && first.code != 1 {
		wrong("exit code %d", first.code)
	}
	if first.took > 90*time.Second {
		wrong("took %s", first.took)
	}
	problems = append(problems, plugintest.Repetitions(first.stderr)...)
	tags, err := repo.tags()
	if err != nil {
		wrong("%v", err)
	}
	for _, p := range slices.Concat(v.agree(ref, tags, first), leftovers(r.temp), leftovers(r.work)) {
		wrong("%s", p)
	}
	again, err := r.run(ctx, args...)
	if err != nil || again.code != 0 {
		wrong("run again: %v, exit code %d\n%s", err, again.code, again.stderr)
	}
	if tags, err = repo.tags(); err != nil || tags["1"] != v.after["1"] || tags["2"] != v.after["2"] {
		wrong("run again: %v, %v instead of %v", err, tags, v.after)
	}
	for _, p := range slices.Concat(leftovers(r.temp), leftovers(r.work)) {
		wrong("run again: left %s", p)
	}
	return problems, first
}

// killBuildx kills the buildx that the process p has started, if it runs.
func killBuildx(p *os.Process) error {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// proc_pid_stat(5): the fields after the name of the program.
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		program, err := os.Readlink(filepath.Join(filepath.Dir(name), "exe"))
		if len(fields) < 2 || fields[1] != strconv.Itoa(p.Pid) || err != nil || !strings.Contains(filepath.Base(program), "buildx") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
