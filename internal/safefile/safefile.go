// Package safefile reads files from untrusted sources, such as a downloaded
// extension. Symbolic links that lead out of the folder are refused, pipes and
// devices never block, and no file is read beyond a limit.
//
// It is independent of file formats. Package atomicfile writes files.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/extpack/extpack/internal/diag"
)

var (
	// ErrNotRegular is returned for a folder, pipe, socket or device.
	ErrNotRegular = errors.New("is not a regular file")
	// ErrOutside is returned if the name contains a symbolic link that leads
	// out of the folder.
	ErrOutside = diag.WithHint(errors.New("points outside the folder"), "replace the link by a copy")
	// ErrTooLarge is returned for a file larger than the limit.
	ErrTooLarge = errors.New("the file is larger than")
)

// Read returns the content of the file at name, which is relative to dir.
// Symbolic links are followed within dir. For a file of more than limit bytes,
// it returns [ErrTooLarge].
func Read(dir, name string, limit int64) ([]byte, error) {
	root, err := OpenDir(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := Open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, limit)
}

// OpenDir opens the folder dir. Unlike [os.OpenRoot], it does not wait for a
// writer if dir is a pipe.
func OpenDir(dir string) (*os.Root, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

// Check returns the error with which [Read] would fail to open the file.
func Check(dir, name string) error {
	root, err := OpenDir(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return check(root, filepath.FromSlash(name))
}

// Open opens a file below root for reading; see [Read].
func Open(root *os.Root, name string) (*os.File, error) {
	name = filepath.FromSlash(name)
	// Opening a device may have side effects, so check the type first.
	if err := check(root, name); err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, outside(root, err)
	}
	return regular(f) // it may have been replaced since the check
}

// ReadNamed is like [Read] for a file named by the user, which may be, or link
// to, any path.
func ReadNamed(name string, limit int64) ([]byte, error) {
	f, err := OpenNamed(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, limit)
}

// OpenNamed is like [Open] for a file named by the user.
func OpenNamed(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrNotRegular
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return regular(f)
}

// Cause returns err without the path that [fs.PathError] adds, for messages
// that already name the file.
func Cause(err error) error {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// IsSystemFault reports that a file could not be read for a reason that is not
// the file's: a disk that fails, a limit that is reached.
func IsSystemFault(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOSPC, syscall.EINTR, syscall.ETIMEDOUT:
		return true
	}
	return false
}

func check(root *os.Root, name string) error {
	info, err := root.Stat(name)
	if err != nil {
		return outside(root, err)
	}
	if !info.Mode().IsRegular() {
		return ErrNotRegular
	}
	return nil
}

func regular(f *os.File) (*os.File, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// outside returns [ErrOutside] for the error that os.Root returns for a path
// that escapes it. Package os does not export that error, so outside triggers
// it.
func outside(root *os.Root, err error) error {
	_, escapes := root.Lstat("..")
	if escapes != nil && errors.Is(err, Cause(escapes)) {
		return ErrOutside
	}
	return err
}

func readAll(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%w %s", ErrTooLarge, size(limit))
	}
	return data, err
}

func size(limit int64) string {
	if limit%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", limit>>20)
	}
	return fmt.Sprintf("%d KiB", limit>>10)
}
