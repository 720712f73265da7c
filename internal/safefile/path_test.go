package safefile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWithin(t *testing.T) {
	t.Parallel()
	slash := string(filepath.Separator)
	root := filepath.Join(slash, "a", "b")
	for path, want := range map[string]bool{
		root: true, filepath.Join(root, "c"): true, root + "c": false, filepath.Join(slash, "a"): false,
	} {
		if got := Within(root, path); got != want {
			t.Errorf("Within(%s, %s) = %v", root, path, got)
		}
		if !Within(slash, path) {
			t.Errorf("%s is not within %s", path, slash)
		}
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, want := range map[string]string{
		dir: ".", filepath.Join(dir, "x", "y"): filepath.Join("x", "y"), filepath.Join(dir, "x", "..", "z"): "z",
	} {
		if rel, inside, err := Below(dir, name); err != nil || !inside || rel != want {
			t.Errorf("Below(%s): %s, %v, %v", name, rel, inside, err)
		}
	}
	for _, name := range []string{filepath.Dir(dir), dir + "x", filepath.Join(dir, "..", "other")} {
		if _, inside, err := Below(dir, name); err != nil || inside {
			t.Errorf("Below(%s): inside, %v", name, err)
		}
	}
}

func TestLeaves(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{"..": true, "../x": true, "..x": false, "x": false, ".": false, "...": false} {
		if Leaves(path) != want {
			t.Errorf("Leaves(%q) is %v", path, !want)
		}
	}
}

func TestReal(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	// A file that does not exist yet is in the folder that the link leads to.
	if got, err := Real(filepath.Join(dir, "link", "new")); err != nil || got != filepath.Join(dir, "real", "new") {
		t.Errorf("got %s, %v", got, err)
	}
}
