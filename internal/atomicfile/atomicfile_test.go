package atomicfile_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/diag"
)

func write(t *testing.T, name, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	longest := strings.Repeat("n", 255)
	for _, name := range []string{"new", longest} {
		file := filepath.Join(dir, name)
		for _, data := range []string{"one", "two"} {
			if err := atomicfile.WriteFile(t.Context(), file, []byte(data)); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != data {
				t.Errorf("got %q, %v", got, err)
			}
		}
	}
	if err := os.Chmod(filepath.Join(dir, "new"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteFile(t.Context(), filepath.Join(dir, "new"), nil); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode() != 0o640 {
		t.Errorf("permissions were not kept: %v, %v", info.Mode(), err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"new", longest}) {
		t.Errorf("left %q", got)
	}
	if err := atomicfile.Check(filepath.Join(dir, longest+"n")); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a name of 256 bytes: got %v", err)
	}
}

// A repository may contain a link with the name of an output.
func TestLinks(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := filepath.Join(base, "dir")
	write(t, filepath.Join(dir, "file"), "file")
	write(t, filepath.Join(base, "mine"), "mine")
	for name, target := range map[string]string{"in": "file", "gone": "nowhere", "out": "../mine", "gone-out": "../nowhere", "chain": "out", "folder": "."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, refused := range map[string]bool{"in": false, "gone": false, "out": true, "gone-out": true, "chain": true, "folder": true} {
		file := filepath.Join(dir, name)
		if err := atomicfile.Check(file); diag.IsInvalid(err) != refused || !refused && err != nil {
			t.Errorf("Check %s: got %v", name, err)
		}
		err := atomicfile.WriteFile(t.Context(), file, []byte("new"))
		if diag.IsInvalid(err) != refused || !refused && err != nil {
			t.Errorf("%s: got %v", name, err)
		}
		if info, err := os.Lstat(file); err != nil || info.Mode()&fs.ModeSymlink == 0 != !refused {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	for file, want := range map[string]string{"dir/file": "file", "mine": "mine", "dir/in": "new", "dir/gone": "new"} {
		if got, err := os.ReadFile(filepath.Join(base, file)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", file, got, err, want)
		}
	}
	if got := names(t, base); !slices.Equal(got, []string{"dir", "mine"}) {
		t.Errorf("left %q", got)
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "old")
	f, err := atomicfile.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(got) != "old" {
		t.Errorf("got %q, %v", got, err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"file"}) {
		t.Errorf("left %q", got)
	}
}
