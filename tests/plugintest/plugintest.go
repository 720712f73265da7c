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
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatalf("%v: %v", cmd.Args, err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
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
