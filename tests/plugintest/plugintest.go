// Package plugintest compiles the plugin and runs programs for the packages of
// tests, and writes extensions for them.
package plugintest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Root is the folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	if filepath.IsAbs(file) {
		return filepath.Join(filepath.Dir(file), "..", "..")
	}
	return filepath.Join("..", "..") // compiled with -trimpath: tests run in their folder
}

// Build compiles the plugin into dir and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	name := filepath.Join(dir, "docker-extpack")
	build := exec.CommandContext(ctx, "go", "build", "-o", name, "./cli-plugin/docker-extpack")
	build.Dir = Root()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the plugin: %w\n%s", err, out)
	}
	return name, nil
}

// Result is how a program ended.
type Result struct {
	Stdout, Stderr string
	// Code is the exit code, -1 for a signal.
	Code int
}

// Run runs a program and returns how it ended. One that cannot be started fails
// the test.
func Run(tb testing.TB, cmd *exec.Cmd) Result {
	tb.Helper()
	r, _ := Measure(tb, cmd)
	return r
}

// WatchMemory reads the peak of a process's memory, in MiB, until the function
// that it returns is called: 0 where the system does not tell. What the system
// counts for a child that has ended includes its parent at the fork.
func WatchMemory(pid int) func() int64 {
	var peak int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // none when it has ended, or elsewhere
			if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
				var kib int64
				if n, _ := fmt.Sscan(rest, &kib); n == 1 {
					peak = max(peak, kib>>10)
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-stopped
		return peak
	}
}

// Measure is like [Run], and also returns the peak of the program's memory in
// MiB.
func Measure(tb testing.TB, cmd *exec.Cmd) (Result, int64) {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		tb.Fatalf("%v: %v", cmd.Args, err)
	}
	memory := WatchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	used := memory()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatalf("%v: %v", cmd.Args, err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, used
}

// WriteFiles writes files below dir. Those in folders called bin are executable.
func WriteFiles(dir string, files map[string]string) error {
	for name, content := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		mode := os.FileMode(0o644)
		if filepath.Base(filepath.Dir(name)) == "bin" {
			mode = 0o755
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), mode)); err != nil {
			return err
		}
	}
	return nil
}

// Descriptor returns an extension.toml; more is added at its end.
func Descriptor(id, more string) string {
	return fmt.Sprintf("api = \"0.10\"\n\n[extension]\nid = %q\nversion = \"1.2.3\"\n%s", id, more)
}

// Tag returns a reference for a tag in a repository of the test.
func Tag(tb testing.TB, registry, tag string) string {
	tb.Helper()
	name := strings.NewReplacer("/", "-", "#", "-", " ", "-", "_", "-").Replace(strings.ToLower(tb.Name()))
	return registry + "/" + name + ":" + tag
}
