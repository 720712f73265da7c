package safefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/safefile"
)

func TestRead(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := filepath.Join(base, "dir")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"secret": "secret", "dir/file": "content", "dir/large": strings.Repeat("x", 2049)} {
		if err := os.WriteFile(filepath.Join(base, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"inside": "file", "out": "../secret", "absolute": filepath.Join(base, "secret"), "chain": "out", "environ": "/proc/self/environ",
		"zero": "/dev/zero", "gone": "nowhere", "gone-out": "../nowhere", "up": "..", "loop": "loop", "sub/back": "../file",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]error{
		"file": nil, "inside": nil, "sub/back": nil, "out": safefile.ErrOutside, "absolute": safefile.ErrOutside, "chain": safefile.ErrOutside,
		"environ": safefile.ErrOutside, "zero": safefile.ErrOutside, "gone": fs.ErrNotExist, "gone-out": safefile.ErrOutside,
		"up/secret": safefile.ErrOutside, "../secret": safefile.ErrOutside, "sub": safefile.ErrNotRegular, "large": safefile.ErrTooLarge, "missing": fs.ErrNotExist,
	} {
		data, err := safefile.Read(dir, name, 2048)
		if !errors.Is(err, want) || want == nil && string(data) != "content" || want != nil && data != nil {
			t.Errorf("%s: got %q, %v, want %v", name, data, err, want)
		}
		if checked := safefile.Check(dir, name); !errors.Is(want, safefile.ErrTooLarge) && !errors.Is(checked, want) {
			t.Errorf("Check %s: got %v, want %v", name, checked, want)
		}
	}
	if _, err := safefile.Read(dir, "loop", 1); err == nil {
		t.Error("a link to itself was read")
	}
	if data, err := safefile.ReadNamed(filepath.Join(dir, "out"), 10); err != nil || string(data) != "secret" {
		t.Errorf("a link that the user named: got %q, %v", data, err)
	}
	if _, err := safefile.ReadNamed(filepath.Join(dir, "large"), 2048); err == nil || err.Error() != "the file is larger than 2 KiB" {
		t.Errorf("got %v", err)
	}
}
