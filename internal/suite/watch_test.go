package suite

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/extension"
)

// TestTouched finds the cases that a change of a file matters for.
func TestTouched(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	cases := []extension.TestCase{
		{Name: "a1", File: in("tests/a.toml"), App: extension.Entry{Value: "apps/a"}},
		{Name: "a2", File: in("tests/a.toml"), Golden: extension.Entry{Value: "golden/a"}},
		{Name: "b", File: in("tests/b.toml"), App: extension.Entry{Value: "apps/a"}},
	}
	for name, want := range map[string]string{
		"tests/a.toml": "a1 a2", "tests/b.toml": "b", "tests/apps/a/Aptfile": "a1 b", "tests/golden/a/build.Dockerfile": "a2",
		"bin/generate": "a1 a2 b", "extension.toml": "a1 a2 b", "tests/apps/other": "a1 a2 b",
		"tests/c.toml": "", // a file without cases
	} {
		var got []string
		for _, c := range touched(cases, dir, "tests", []string{in(name)}) {
			got = append(got, c.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
}

// TestWait waits for changes of files that matter.
func TestWait(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		t.Helper()
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("bin/detect")
	write("bin/old")
	state := take([]string{dir})
	if got := state.diff(take([]string{dir})); len(got) > 0 {
		t.Errorf("nothing changed, got %v", got)
	}
	write(".git/HEAD") // never enters a package
	if got := state.diff(take([]string{dir})); len(got) > 0 {
		t.Errorf("Git's files changed, got %v", got)
	}
	write("bin/new")
	if err := os.Remove(filepath.Join(dir, "bin", "old")); err != nil {
		t.Fatal(err)
	}
	now, changed, err := state.wait(t.Context(), []string{dir})
	if want := []string{filepath.Join(dir, "bin", "new"), filepath.Join(dir, "bin", "old")}; err != nil || !slices.Equal(changed, want) {
		t.Errorf("changed %v, %v, want %v", changed, err, want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := now.wait(ended, []string{dir}); err == nil {
		t.Error("waits on after an interrupt")
	}
}
