//go:build unix

package extension

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// A pipe in place of the descriptor must not make the command wait for ever.
func TestReadPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, DescriptorFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(dir); err == nil || !strings.Contains(diag.Text(err), "is not a regular file") {
		t.Error(err)
	}
}

// A package contains the link itself, which readers do not follow, and a link out
// of the extension would show a stranger's file of choice in messages.
func TestReadLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "real.toml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{DescriptorFile: "is a symbolic link\n  replace the link by a copy", PackageFile: "points outside the folder\n  replace the link by a copy"} {
		target := "real.toml"
		if name == PackageFile {
			target = "/proc/self/environ"
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		var err error
		if name == DescriptorFile {
			_, _, err = Read(dir)
		} else {
			_, _, err = ReadPackage(dir)
		}
		if want = filepath.Join(dir, name) + ": " + want; err == nil || diag.Text(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
