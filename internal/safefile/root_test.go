package safefile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/safefile"
)

// TestRoot: from every open directory, a name is read or refused as by Open.
func TestRoot(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := filepath.Join(base, "dir")
	for name, data := range map[string]string{"secret": "secret", "dir/file": "file", "dir/sub/file": "sub", "dir/sub/deep/file": "deep"} {
		name = filepath.Join(base, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"sub/up": "../file", "sub/out": "../../secret", "sub/absolute": filepath.Join(base, "secret"), "folder": "sub/deep", "outer": "..", "sub/loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Skip(err)
		}
	}
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if root.Name() != dir {
		t.Errorf("the name is %s", root.Name())
	}
	cases := map[string]struct {
		want string
		err  error
	}{
		"file": {"file", nil}, "sub/file": {"sub", nil}, "sub/deep/file": {"deep", nil}, "sub/up": {"file", nil}, "folder/file": {"deep", nil}, "sub/../file": {"file", nil},
		"sub/out": {"", safefile.ErrOutside}, "sub/absolute": {"", safefile.ErrOutside}, "outer/secret": {"", safefile.ErrOutside}, "../secret": {"", safefile.ErrOutside},
		"sub/deep": {"", safefile.ErrNotRegular}, "sub/missing": {"", fs.ErrNotExist}, "gone/file": {"", fs.ErrNotExist},
	}
	for before := range cases {
		for name, c := range cases {
			if f, err := root.Open(before); err == nil {
				f.Close()
			}
			f, err := root.Open(name)
			if !errors.Is(err, c.err) {
				t.Errorf("%q after %q: %v, want %v", name, before, err, c.err)
			}
			if err != nil {
				continue
			}
			if data, err := io.ReadAll(f); err != nil || string(data) != c.want {
				t.Errorf("%q after %q: %q, %v, want %q", name, before, data, err, c.want)
			}
			f.Close()
		}
	}
	if _, err := root.Open("sub/loop"); err == nil {
		t.Error("a link to itself was opened")
	}
}

// TestRootSwapped: a file that becomes a link out of the folder is not read.
func TestRootSwapped(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir, file := filepath.Join(base, "dir"), filepath.Join(base, "dir", "file")
	for _, err := range []error{os.Mkdir(dir, 0o755), os.WriteFile(file, nil, 0o600), os.WriteFile(filepath.Join(base, "secret"), nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := root.Open("file")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("..", "secret"), file); err != nil {
		t.Skip(err)
	}
	if _, err := root.Open("file"); !errors.Is(err, safefile.ErrOutside) {
		t.Errorf("got %v", err)
	}
}
