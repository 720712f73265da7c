//go:build linux || darwin

package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/extpack/extpack/internal/wait"
)

const pollInterval = 50 * time.Millisecond

// lock prevents concurrent commands from creating or removing the same builder.
func (d daemon) lock(ctx context.Context) (unlock func(), err error) {
	if err := makePrivate(filepath.Dir(d.dir)); err != nil {
		return nil, err
	}
	// The file is not in the folder, which is deleted with the builder.
	f, err := os.OpenFile(d.dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the builder: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("locking the builder: %w", err) // a file system without locks
		}
		if err := wait.For(ctx, pollInterval); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("waiting for another command that uses the builder: %w", err)
		}
	}
}
