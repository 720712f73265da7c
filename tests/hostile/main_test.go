// Package hostile_test feeds docker-extpack input that was made to harm the person who
// uses it, and looks at what it reaches: files, processes, the network.
//
// Inputs are generated, field by field and payload by payload, in a short form.
// EXTPACK_TORTURE=full runs all of them. One file per kind of input:
// descriptor_test.go, strings_test.go, links_test.go, documents_test.go.
package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/plugintest"
)

// plugin is the program under test.
var plugin string

// full reports whether all inputs are wanted rather than a sample of them.
var full = os.Getenv("EXTPACK_TORTURE") == "full"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "extpack-hostile-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	defer stopWorld()
	if plugin, err = plugintest.Build(context.Background(), dir); err != nil {
		return fail(err)
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "hostile:", err)
	return 1
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int
	state          *os.ProcessState
	memory         int64 // MiB at most, where the system tells
}

// runPlugin runs the plugin in dir with env on top of the environment. One that
// does not end within a minute fails the test.
func runPlugin(t *testing.T, dir string, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, plugin, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	memory := plugintest.WatchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	used := memory()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("docker-extpack %s: %v %v\n%s", strings.Join(args, " "), err, ctx.Err(), stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), cmd.ProcessState, used}
}

// writeFiles makes files below dir, executable in folders called bin.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := plugintest.WriteFiles(dir, files); err != nil {
		t.Fatal(err)
	}
}

// descriptor returns an extension.toml; more is added at its end.
func descriptor(id, more string) string { return plugintest.Descriptor(id, more) }
