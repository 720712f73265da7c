//go:build unix

package content

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestSpecialFilesAreSeenForWhatTheyAre(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "x") // the name of a socket may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tree, err := Read(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := tree.Apply([]Step{{Source: ".", Dest: "."}})
	if err != nil {
		t.Fatal(err)
	}
	if got := tree.Sockets("."); !slices.Equal(got, []string{"socket"}) || tree.Has("socket") {
		t.Errorf("sockets %q", got)
	}
	want := dir + "/pipe: is a named pipe, which cannot be packed\n  remove it, or add it to .dockerignore"
	if list := Check(dir, files); len(list) != 1 || withHint(list[0]) != want {
		t.Errorf("got %q, want %q", list, want)
	}
}

// Opened for reading, a pipe waits for a writer, for ever.
func TestIgnoreFileThatIsAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, IgnoreFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), dir); !diag.IsInvalid(err) {
		t.Errorf("got %v", err)
	}
}
