package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestStartIsIsolated(t *testing.T) {
	user := filepath.Join(t.TempDir(), "docker")
	t.Setenv("DOCKER_CONFIG", user)
	a, b := start(t), start(t)
	if a.Registry() == b.Registry() || a.Builder() == b.Builder() || a.Dir() == b.Dir() {
		t.Errorf("shared: %s %s, %s %s", a.Registry(), b.Registry(), a.Builder(), b.Builder())
	}
	buildAndPush(t, a, a.Env(), "a")
	if !pushed(t, a, "a") || pushed(t, b, "a") {
		t.Errorf("pushed to a: %v, to b: %v", pushed(t, a, "a"), pushed(t, b, "a"))
	}
	if _, err := os.Stat(user); err == nil {
		t.Error("the user's docker configuration was touched")
	}
}

func TestStopEndsEverything(t *testing.T) {
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if got := pids(s); got != [2]int{} {
		t.Errorf("still running: %v", got)
	}
	if _, err := os.Stat(s.Dir()); err == nil {
		t.Errorf("%s is still there", s.Dir())
	}
}

func TestDaemonsDieWithTheProcess(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), orphanEnv+"=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var dir string
	var registry, buildkit int
	if _, err := fmt.Sscan(string(out), &dir, &registry, &buildkit); err != nil || registry == 0 || buildkit == 0 {
		t.Fatalf("%q: %v", out, err)
	}
	t.Cleanup(func() { _ = removeTree(dir) })
	for _, pid := range []int{registry, buildkit} {
		proc := fmt.Sprintf("/proc/%d/exe", pid)
		waitGone(t, proc, func() bool { _, err := os.Readlink(proc); return err == nil })
	}
}

func TestFaults(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	buildAndPush(t, s, s.Env(), "before")
	if err := errors.Join(s.KillRegistry(), s.RestartRegistry(ctx)); err != nil {
		t.Fatal(err)
	}
	if !pushed(t, s, "before") {
		t.Error("the registry lost what was pushed before it was killed")
	}
	if err := errors.Join(s.KillBuilder(s.Builder()), s.RestartBuilder(ctx, s.Builder())); err != nil {
		t.Fatal(err)
	}
	buildAndPush(t, s, s.Env(), "after")
	if err := s.Prune(ctx, s.Builder()); err != nil {
		t.Error(err)
	}
	access, err := os.ReadFile(s.RegistryLog())
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(access), "PUT /v2/test/hello/manifests/after")
}

func TestAddBuilder(t *testing.T) {
	s := start(t)
	if err := s.AddBuilder(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	buildAndPush(t, s, append(s.Env(), "BUILDX_BUILDER=second"), "second")
	if err := s.AddBuilder(t.Context(), "second"); err == nil {
		t.Error("the name was taken twice")
	}
	if err := s.KillBuilder("third"); err == nil {
		t.Error("killed a builder that does not exist")
	}
}

func TestStartFailureShowsTheLog(t *testing.T) {
	s := start(t)
	if err := s.KillBuilder(s.Builder()); err != nil {
		t.Fatal(err)
	}
	b := s.builders[0]
	write(t, b.config, "nonsense = [\n")
	err := b.daemon.start(t.Context())
	if !errors.Is(err, errExited) {
		t.Fatalf("start: %v", err)
	}
	contains(t, err.Error(), "failed to parse config")
}

func TestEnvOutput(t *testing.T) {
	var opts Options
	s := bringUp(t, &opts)
	run := func(args ...string) (string, string, error) {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "./cmd/sandbox"}, args...)...)
		cmd.Env = append(os.Environ(), "EXTPACK_SANDBOX_DIR="+opts.Dir, "DOCKER_CONFIG="+opts.DockerConfig)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		return string(out), stderr.String(), err
	}
	out, stderr, err := run("env")
	want := "export EXTPACK_REGISTRY=" + s.Registry() + "\nexport BUILDX_BUILDER=" + s.Builder() + "\n"
	if err != nil || out != want {
		t.Errorf("env: %v\n%s%s", err, out, stderr)
	}
	if out, _, err := run("status"); err != nil || strings.Count(out, ": running, ") != 2 {
		t.Errorf("status: %v\n%s", err, out)
	}
	if err := Down(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	out, stderr, err = run("env")
	if err == nil || out != "" {
		t.Errorf("env after down: %v, %q", err, out)
	}
	contains(t, stderr, "not up")
	if _, _, err := run(); err == nil {
		t.Error("no subcommand is accepted")
	}
}

func TestNewEnough(t *testing.T) {
	for output, want := range map[string]bool{
		"github.com/docker/buildx v0.37.2 abc":       true,
		"github.com/docker/buildx v0.20.0 abc":       true,
		"github.com/docker/buildx 0.21.3-debian abc": true,
		"github.com/docker/buildx v1.0.0 abc":        true,
		"github.com/docker/buildx v0.19.3 abc":       false,
		"github.com/docker/buildx v0.0.0+unknown":    true,
		"command not understood":                     false,
	} {
		if got := newEnough(output); got != want {
			t.Errorf("%q: %v", output, got)
		}
	}
}

func TestStartWithAnExistingBuilder(t *testing.T) {
	var theirs Options
	other := bringUp(t, &theirs)
	t.Setenv("DOCKER_CONFIG", theirs.DockerConfig)
	t.Setenv("EXTPACK_BUILDER", other.Builder())
	s := start(t)
	if s.Builder() != other.Builder() {
		t.Errorf("builder %s instead of %s", s.Builder(), other.Builder())
	}
	buildAndPush(t, s, s.Env(), "existing")
	if !pushed(t, s, "existing") {
		t.Error("the registry does not have what was pushed")
	}
}
