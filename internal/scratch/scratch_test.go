package scratch

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const helper = "EXTPACK_TEST_SCRATCH"

// TestHelper makes a folder and ends without removing it, as if killed.
func TestHelper(t *testing.T) {
	t.Parallel()
	if os.Getenv(helper) == "" {
		t.Skip("helper of the other tests")
	}
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Path, "data"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Exit(0)
}

func leaveBehind(t *testing.T, temp string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelper$")
	cmd.Env = append(os.Environ(), helper+"=1", "TMPDIR="+temp)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestNewRemovesWhatIsLeftBehind(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	mine, err := New()
	if err != nil {
		t.Fatal(err)
	}
	leaveBehind(t, temp)
	leaveBehind(t, temp)
	// Not locked yet; with a file, made a moment and long ago; not ours.
	for _, name := range []string{".extpack-empty", ".extpack-young/file", ".extpack-old/file", "other"} {
		if err := os.MkdirAll(filepath.Join(temp, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * unlockedFor)
	if err := os.Chtimes(filepath.Join(temp, ".extpack-old"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("other", filepath.Join(temp, ".extpack-link")); err != nil {
		t.Fatal(err)
	}
	if n := count(t, temp); n != 7 { // one of the killed was removed by the other
		t.Fatalf("%d entries", n)
	}
	second, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{mine.Path, second.Path, filepath.Join(temp, ".extpack-young"), filepath.Join(temp, "other"), filepath.Join(temp, ".extpack-link")} {
		if !exists(name) {
			t.Errorf("%s is gone", name)
		}
	}
	if n := count(t, temp); n != 5 {
		t.Errorf("%d entries", n)
	}
	mine.Remove()
	second.Remove()
	if exists(mine.Path) || exists(second.Path) {
		t.Error("the folders are still there")
	}
}

// Many runs make and remove folders in one place, and none loses its own.
func TestNewAtOnce(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 50 {
				d, err := New()
				if err != nil {
					t.Error(err)
					return
				}
				file := filepath.Join(d.Path, "file")
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Millisecond)
				if !exists(file) {
					t.Error("a folder in use was removed")
				}
				d.Remove()
			}
		})
	}
	group.Wait()
	if n := count(t, os.TempDir()); n != 0 {
		t.Errorf("%d entries left", n)
	}
}

func TestNewFails(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	if _, err := New(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "set by TMPDIR") {
		t.Errorf("got %v", err)
	}
}

// Temporary files of an output inside an extension are made outside of it.
func TestNear(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ext := filepath.Join(base, "repo", "ext")
	for _, dir := range []string{filepath.Join(ext, "sub"), filepath.Join(base, "plain")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(ext, descriptorFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Near(filepath.Join(ext, "x.cnb"))
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(d.Path) != temp {
		t.Errorf("made %s, want it in %s", d.Path, temp)
	}
	d.Remove()
	t.Setenv("TMPDIR", filepath.Join(temp, "missing"))
	for target, want := range map[string]string{
		filepath.Join(ext, "x.cnb"): filepath.Join(base, "repo"), filepath.Join(ext, "sub", "x.cnb"): filepath.Join(base, "repo"),
		filepath.Join(base, "plain", "x.cnb"): filepath.Join(base, "plain"),
	} {
		d, err := Near(target)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(d.Path) != want {
			t.Errorf("%s: made %s, want it in %s", target, d.Path, want)
		}
		d.Remove()
	}
}

// A file that is moved into a folder with the setgid bit has the group of the
// folder, as one that is made in it.
func TestNearKeepsTheGroup(t *testing.T) {
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("giving a folder another group takes root")
	}
	t.Setenv("TMPDIR", t.TempDir())
	team := filepath.Join(t.TempDir(), "team")
	if err := errors.Join(os.Mkdir(team, 0o755), os.Chown(team, -1, 12345), os.Chmod(team, 0o775|fs.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	d, err := Near(filepath.Join(team, "x.cnb"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Remove()
	made := filepath.Join(d.Path, "file")
	if err := os.WriteFile(made, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if groupOf(team) != 12345 || !sameGroup(d.Path, team) {
		t.Errorf("%s passes on the group %d, want %d", d.Path, groupOf(d.Path), groupOf(team))
	}
}
