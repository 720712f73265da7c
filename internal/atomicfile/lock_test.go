package atomicfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// TestLockIsShared: this process locks a folder once for all of its files, and
// others wait until the last one is done.
func TestLockIsShared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, err := Lock(t.Context(), filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // waiting would fail
	two, err := Lock(ctx, filepath.Join(dir, "c"))
	if err != nil {
		t.Fatalf("the same process waits: %v", err)
	}
	other := flock.New(dir, flock.SetFlag(os.O_RDONLY)) // as of another process
	free := func() bool {
		locked, err := other.TryLock()
		if err != nil {
			t.Fatal(err)
		}
		return locked
	}
	if free() {
		t.Error("not locked")
	}
	one()
	if free() {
		t.Error("not locked until the last one is done")
	}
	two()
	if !free() {
		t.Fatal("not released")
	}
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { stop(stopped) })
	if _, err := Lock(ctx, filepath.Join(dir, "a")); !errors.Is(err, stopped) {
		t.Errorf("while another process has it: %v", err)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(t.Context(), filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// TestWriteManyAtOnce: files of one folder are written beside each other, and no
// other folder is left.
func TestWriteManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var group sync.WaitGroup
	const n = 40
	for i := range n {
		group.Go(func() {
			name := filepath.Join(dir, string(rune('A'+i)))
			unlock, err := Lock(t.Context(), name)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if err := WriteFile(t.Context(), name, []byte("new")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != n {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	f := folderOf(dir)
	if f.users != 0 || f.next != nil {
		t.Errorf("left %d users, and a sync: %v", f.users, f.next != nil)
	}
}

// TestSyncTree returns the error of a file that cannot be synced.
func TestSyncTree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syncTree(dir); err != nil {
		t.Error(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if err := syncTree(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
