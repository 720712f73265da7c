// Package e2e_test runs docker-extpack the way people do, against the real
// buildx, a real BuildKit daemon and a real registry, and looks at what it
// leaves with other means than its own: plain HTTP, archive/tar, buildx.
//
// Nothing here is skipped: a machine without the means fails.
package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/plugintest"
	"github.com/extpack/extpack/tests/sandbox"
)

// world is what all tests share: one sandbox and one plugin binary.
var world struct {
	*sandbox.Sandbox
	plugin string
	root   string // of the repository
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "extpack-e2e-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if world.root, err = filepath.Abs("../.."); err != nil {
		return fail(err)
	}
	if world.plugin, err = plugintest.Build(ctx, dir); err != nil {
		return fail(err)
	}
	if world.Sandbox, err = sandbox.Start(ctx, sandbox.Options{Log: os.Stderr}); err != nil {
		return fail(err)
	}
	if err := waitTogether(); err != nil {
		return fail(err)
	}
	code := m.Run()
	if err := world.Stop(); err != nil {
		return fail(err)
	}
	return code
}

// waitTogether lets more tests run in parallel than there are processors, unless
// -parallel says how many: an edit reads its tag again after a second, doctor
// waits for what does not respond, and so most tests wait most of the time.
func waitTogether() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0)))
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int
}

// command prepares the plugin to run in dir. A build means buildx unless it says
// otherwise, so that no test passes because its builder does not respond.
func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	named := slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--engine") })
	if len(args) > 0 && args[0] == "build" && !named {
		args = append([]string{"build", "--engine", "buildx"}, args[1:]...)
	}
	return in(exec.CommandContext(ctx, world.plugin, args...), dir)
}

func in(cmd *exec.Cmd, dir string) *exec.Cmd {
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), world.Env()...)
	return cmd
}

func runCommand(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	r := plugintest.Run(t, cmd)
	return result{r.Stdout, r.Stderr, r.Code}
}

// extpack runs the plugin in dir and returns its output and exit code.
func extpack(t *testing.T, dir string, args ...string) result {
	t.Helper()
	return runCommand(t, command(t.Context(), dir, args...))
}

// mustExtpack runs the plugin, which must succeed, and returns its stdout.
func mustExtpack(t *testing.T, dir string, args ...string) string {
	t.Helper()
	r := extpack(t, dir, args...)
	if r.code != 0 {
		t.Fatalf("docker-extpack %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// buildx runs the sandbox's buildx, which must succeed.
func buildx(t *testing.T, dir string, args ...string) string {
	t.Helper()
	r := runCommand(t, in(exec.CommandContext(t.Context(), world.BuildxPath(), args...), dir))
	if r.code != 0 {
		t.Fatalf("buildx %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// example returns the path of an example of the repository.
func example(name string) string { return filepath.Join(world.root, "examples", name) }

// tag returns a reference in the sandbox registry, in a repository of the test.
func tag(t *testing.T, tag string) string { return plugintest.Tag(t, world.Registry(), tag) }

// extensionDir makes an extension directory out of a map from names to content.
// Names below bin/ are executable.
func extensionDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := plugintest.WriteFiles(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := plugintest.WriteFiles(filepath.Dir(filepath.Dir(name)), map[string]string{filepath.Join(filepath.Base(filepath.Dir(name)), filepath.Base(name)): content}); err != nil {
		t.Fatal(err)
	}
}

// descriptor returns an extension.toml; more is added at its end.
func descriptor(id, more string) string { return plugintest.Descriptor(id, more) }

const linuxTargets = "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"

const script = "#!/bin/sh\nexit 0\n"
