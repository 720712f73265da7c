package atomicfile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Lock waits until no other docker extpack process works on the files or
// folders names. It locks their parent folders, so no lock files are left
// behind. Callers in this process share the lock of a folder, and must not
// write the same file. On file systems without locks it does nothing.
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
	var locked []*folder
	unlock = func() {
		for _, f := range locked {
			f.unlock()
		}
	}
	for _, dir := range slices.Compact(dirs) {
		f := folderOf(dir)
		if err := f.acquire(ctx, dir); err != nil {
			unlock()
			return nil, err
		}
		locked = append(locked, f)
	}
	return unlock, nil
}

// folders are those that were locked or synced, by path: *folder.
var folders sync.Map

func folderOf(dir string) *folder {
	f, _ := folders.LoadOrStore(dir, &folder{})
	return f.(*folder) //nolint:forcetypeassert // all values have that type
}

// folder is the state of a folder in this process.
type folder struct {
	mu    sync.Mutex
	lock  *flock.Flock
	users int // callers that share the lock

	syncing sync.Mutex // held during a sync
	next    *sync.Once // the sync that has not begun
}

// acquire takes the lock between processes, or shares the one of this process.
func (f *folder) acquire(ctx context.Context, dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == 0 {
		f.lock = flock.New(dir, flock.SetFlag(os.O_RDONLY))
		if _, err := f.lock.TryLockContext(ctx, 50*time.Millisecond); err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	f.users++
	return nil
}

func (f *folder) unlock() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users--; f.users == 0 && f.lock.Close() != nil {
		_ = f.lock.Close() // it stays locked, also for this process, until it is closed
	}
}
