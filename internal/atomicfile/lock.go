package atomicfile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// Lock waits until no other docker extpack works on the files or folders with
// these names. The folders they are in are locked, so nothing is left behind.
// Where there are no such locks, it does nothing.
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
	slices.Sort(dirs) // one order, or two processes could wait for each other
	var locks []*flock.Flock
	unlock = func() {
		for _, lock := range locks {
			_ = lock.Close()
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
