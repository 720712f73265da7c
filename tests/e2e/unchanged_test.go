package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingToDo publishes again what is published: nothing is built, the same
// reference is printed, and every difference is noticed.
func TestNothingToDo(t *testing.T) {
	t.Parallel()
	dir := copyTree(t, example("hello"), 0, 0)
	ref, other := tag(t, "1"), tag(t, "2")
	build := func(flags ...string) (published string, skipped bool) {
		t.Helper()
		r := extpack(t, t.TempDir(), append([]string{"build", dir, "--push", "--engine", "embedded", "-t", ref}, flags...)...)
		if r.code != 0 {
			t.Fatalf("exit code %d\n%s", r.code, r.stderr)
		}
		return r.stdout, strings.Contains(r.stderr, "nothing to do for samples/hello@0.0.1")
	}
	first, skipped := build()
	if skipped {
		t.Fatal("nothing was published yet")
	}
	again, skipped := build()
	if again != first || !skipped {
		t.Errorf("published %q, skipped %v; want the first reference again", again, skipped)
	}
	if r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--builder", "no-such-builder"); r.code != 0 || r.stdout != first {
		t.Errorf("a builder was asked for: exit code %d\n%s", r.code, r.stderr)
	}
	writeFile(t, filepath.Join(dir, "bin", "generate"), "#!/bin/sh\necho changed\n")
	if changed, skipped := build(); skipped || changed == first {
		t.Error("changed content was not noticed")
	}
	for _, flags := range [][]string{
		{"--force"},
		{"--no-cache"},
		{"--label", "com.acme.a=b"},
		{"--annotation", "com.acme.a=b"},
		{"--target", "linux/amd64"},
		{"-t", other},
		{"--media-types", "docker"},
		{"--target", "linux/s390x", "--single"},
		{"-o", filepath.Join(t.TempDir(), "x.cnb")},
	} {
		if _, skipped := build(flags...); skipped {
			t.Errorf("%v: nothing was done", flags)
		}
	}
	build()
	if err := os.Chmod(filepath.Join(dir, "extension.toml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, skipped := build(); skipped {
		t.Error("a changed mode was not noticed")
	}
}
