package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

// syncAtOnce is the number of files of a folder that are synced at the same
// time: file systems write them in one go.
const syncAtOnce = 16

// syncTree flushes a folder and its content to disk.
func syncTree(dir string) error {
	var group errgroup.Group
	group.SetLimit(syncAtOnce)
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			group.Go(func() error { return syncFile(name) })
		}
		return err
	})
	return errors.Join(err, group.Wait())
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// syncDir makes renames in dir durable where the system supports it. It returns
// no error, because the rename itself has succeeded. Callers that wait at the
// same time share a sync, which begins after all of their renames.
func syncDir(dir string) {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	f := folderOf(dir)
	f.mu.Lock()
	if f.next == nil {
		f.next = new(sync.Once)
	}
	turn := f.next
	f.mu.Unlock()
	turn.Do(func() {
		f.syncing.Lock() // a sync that runs may have begun before the rename
		defer f.syncing.Unlock()
		f.mu.Lock()
		f.next = nil
		f.mu.Unlock()
		_ = syncFile(dir)
	})
}
