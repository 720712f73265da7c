//go:build unix

package safefile_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/extpack/extpack/internal/safefile"
)

// Opening a pipe waits for a writer, which never comes.
func TestReadPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := safefile.Read(dir, "pipe", 10); !errors.Is(err, safefile.ErrNotRegular) {
		t.Errorf("got %v", err)
	}
	if _, err := safefile.Read(filepath.Join(dir, "pipe"), "x", 10); err == nil {
		t.Error("a pipe is a folder")
	}
	if _, err := safefile.OpenDir(filepath.Join(dir, "pipe")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("got %v", err)
	}
	if _, err := safefile.ReadNamed(filepath.Join(dir, "pipe"), 10); !errors.Is(err, safefile.ErrNotRegular) {
		t.Errorf("got %v", err)
	}
}
