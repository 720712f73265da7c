package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/extpack/extpack/internal/safefile"
)

// IsStream reports whether name is a pipe or device, which cannot be replaced.
// A symbolic link to one counts only in /dev, where /dev/stdout is a link.
func IsStream(name string) bool {
	stat := os.Lstat
	if abs, err := filepath.Abs(name); err == nil && strings.HasPrefix(filepath.ToSlash(abs), "/dev/") {
		stat = os.Stat
	}
	info, err := stat(name)
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0
}

// writeStream waits for a reader and writes data.
func writeStream(ctx context.Context, name string, data []byte) error {
	for {
		f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { f.Close() })
			_, err = f.Write(data)
			stop()
			err = errors.Join(err, f.Close())
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, syscall.ENXIO): // no reader yet
			return fmt.Errorf("writing %s: %w", name, safefile.Cause(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}
