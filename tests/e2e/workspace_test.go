package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWorkspace publishes the extensions of a workspace, and then only the one
// that changed. A [[trust]] in the file of the repository grants nothing.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	repository, _, _ := strings.Cut(tag(t, "x"), ":x")
	file := "[workspace]\nmembers = [\"*\"]\ntags = [\"" + repository + "/{{.Slug}}:{{.Version}}\"]\ntargets = [\"linux/amd64\", \"linux/arm64\"]\n"
	writeFile(t, filepath.Join(dir, "extpack.toml"), file)
	descriptor := func(name, version string) string {
		return "api = \"0.10\"\n[extension]\nid = \"ws/" + name + "\"\nversion = \"" + version + "\"\n"
	}
	for _, name := range []string{"a", "b"} {
		writeFile(t, filepath.Join(dir, name, "extension.toml"), descriptor(name, "0.0.1"))
		writeFile(t, filepath.Join(dir, name, "generate", "build.Dockerfile"), "ARG base_image\nFROM ${base_image}\n")
	}
	build := func() result {
		t.Helper()
		r := extpack(t, dir, "build", "--push", "--engine", "embedded")
		if r.code != 0 {
			t.Fatalf("exit code %d\n%s", r.code, r.stderr)
		}
		return r
	}
	first := build()
	if lines := strings.Fields(first.stdout); len(lines) != 2 || strings.Contains(first.stderr, "nothing to do") {
		t.Fatalf("published %q\n%s", first.stdout, first.stderr)
	}
	writeFile(t, filepath.Join(dir, "b", "extension.toml"), descriptor("b", "0.0.2"))
	second := build()
	if !strings.Contains(second.stderr, "nothing to do for ws/a@0.0.1") || strings.Contains(second.stderr, "nothing to do for ws/b") {
		t.Errorf("the second run says\n%s", second.stderr)
	}
	if !strings.Contains(second.stdout, ":0.0.2@sha256:") {
		t.Errorf("the second run published %q", second.stdout)
	}
	writeFile(t, filepath.Join(dir, "extpack.toml"), file+"[[trust]]\ndirectory = \"/\"\n")
	if r := extpack(t, dir, "build", "a"); r.code != 2 || !strings.Contains(r.stderr, "a file of a repository cannot grant access") {
		t.Errorf("[[trust]]: exit code %d\n%s", r.code, r.stderr)
	}
}
