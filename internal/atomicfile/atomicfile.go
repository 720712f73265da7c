// Package atomicfile writes the output files of commands. A file appears, or
// replaces another, in one step once all of it is on disk. A write that fails
// or is killed leaves the previous file untouched.
//
// moby/sys/atomicwriter, google/renameio and natefinch/atomic do not sync the
// folder, and they write a file with a longer name next to the target. Names of
// 244 bytes and more therefore fail, and the next build packs the file that a
// killed build left.
package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/scratch"
)

// File is a file that is being written.
type File struct {
	*os.File
	target string
	dir    *scratch.Dir
}

// Create creates a temporary file that [File.Commit] renames to name. A
// symbolic link at name is replaced, not followed. If it leads out of its
// folder, or if name is not a regular file, Create returns a
// [*diag.InvalidError].
func Create(name string) (*File, error) {
	mode, err := replaceable(name)
	if err != nil {
		return nil, err
	}
	dir, err := scratch.Near(name)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", name, err)
	}
	f, err := os.OpenFile(filepath.Join(dir.Path, "file"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil && mode != 0 {
		if err = f.Chmod(mode); err != nil {
			f.Close()
		}
	}
	if err != nil {
		dir.Remove()
		return nil, fmt.Errorf("writing %s: %w", name, safefile.Cause(err))
	}
	return &File{File: f, target: name, dir: dir}, nil
}

// Commit renames the file to its final name.
func (f *File) Commit() error {
	defer f.dir.Remove()
	if err := errors.Join(f.Sync(), f.File.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", f.target, safefile.Cause(err))
	}
	if err := os.Rename(f.Name(), f.target); err != nil {
		var failed *os.LinkError
		if errors.As(err, &failed) {
			err = failed.Err // without the random name
		}
		return fmt.Errorf("writing %s: %w", f.target, err)
	}
	syncDir(filepath.Dir(f.target))
	return nil
}

// Abort removes the temporary file.
func (f *File) Abort() {
	f.File.Close()
	f.dir.Remove()
}

// WriteFile writes data to name; see [Create]. It writes directly to a pipe or
// device, such as /dev/stdout, until ctx ends.
func WriteFile(ctx context.Context, name string, data []byte) error {
	if IsStream(name) {
		return writeStream(ctx, name, data)
	}
	f, err := Create(name)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Abort()
		return fmt.Errorf("writing %s: %w", name, safefile.Cause(err))
	}
	return f.Commit()
}

// Check returns an error if writing to name would fail, as far as that can be
// known beforehand. It leaves no files behind.
func Check(name string) error {
	if IsStream(name) {
		return nil
	}
	f, err := Create(name)
	if err != nil {
		return err
	}
	f.Abort()
	return nil
}

// replaceable returns the permissions of the file at name, or 0 if it does not
// exist.
func replaceable(name string) (fs.FileMode, error) {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil: // for instance a name that is too long
		return 0, fmt.Errorf("writing %s: %w", name, safefile.Cause(err))
	case info.Mode().IsRegular():
		return info.Mode().Perm(), nil
	case info.Mode()&fs.ModeSymlink != 0:
		if err := CheckLink(name); err != nil {
			return 0, err
		}
		if target, err := os.Stat(name); err != nil || target.Mode().IsRegular() {
			return 0, nil
		}
	}
	return 0, diag.Invalidf("cannot write %s: it exists and is not a regular file", name)
}
