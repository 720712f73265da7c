//go:build unix

package extension

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe in place of the descriptor must not make the command wait for ever.
func TestReadPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, DescriptorFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Error(err)
	}
}
