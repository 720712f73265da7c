package atomicfile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// Lock waits until no other docker extpack process works on the files or
// folders names. It locks their parent folders, so no lock files are left
// behind. On file systems without locks it does nothing.
func Lock(ctx context.Context, names ...string) (unlock func(), err error) {
	var dirs []string
	for _, name := range names {
		dir, err := filepath.Abs(filepath.Dir(filepath.Clean(name)))
		if err != nil {
			return nil, err
		}
		if resolved, err := filepath.EvalSymlinks(dir); err == nil {
			dir = resolved
		}
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs) // a fixed order, to avoid deadlocks
	var locks []*flock.Flock
	unlock = func() {
		for _, lock := range locks {
			if lock.Close() != nil {
				_ = lock.Close() // it stays locked, also for this process, until it is closed
			}
		}
	}
	for _, dir := range slices.Compact(dirs) {
		lock := flock.New(dir, flock.SetFlag(os.O_RDONLY))
		if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil && ctx.Err() != nil {
			unlock()
			return nil, context.Cause(ctx)
		}
		locks = append(locks, lock)
	}
	return unlock, nil
}
