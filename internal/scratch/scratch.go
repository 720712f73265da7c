// Package scratch makes the temporary folders of a run. Each is locked while
// its process lives, and making one removes those that killed processes left
// behind. Their names have one pattern, and files with such names are never
// packed: some of the folders must be next to the user's files, because only
// within one file system a finished file moves to its place in one step.
//
// It does not depend on the content of a folder.
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const (
	prefix = ".extpack-"
	// Pattern matches the names of temporary folders, also those in the middle
	// of being made.
	Pattern = prefix + "*"

	lockFile = "lock"
	// unlockedFor is the age at which a folder with files, and none that is the
	// lock, counts as left behind.
	unlockedFor = time.Hour
)

// Dir is a temporary folder. Only its maker removes it while it lives.
type Dir struct {
	// Path is absolute, without symbolic links.
	Path string
	lock *flock.Flock
}

// New makes a folder in the system's temporary folder.
func New() (*Dir, error) {
	d, err := in(os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("creating a temporary folder in %s (set by TMPDIR): %w", os.TempDir(), cause(err))
	}
	return d, nil
}

// Sweep removes what killed runs left in the system's temporary folder, for a run
// that makes no folder itself.
func Sweep() { sweep(os.TempDir()) }

// Near makes a folder from which a file or folder can be renamed to target: in
// the system's temporary folder where that is on the same file system, else as
// close to target as possible without being in an extension, else beside it. New
// files in it get the group that those in the folder of target get.
func Near(target string) (*Dir, error) {
	target, err := filepath.Abs(target)
	if err != nil {
		return nil, err
	}
	beside := filepath.Dir(target)
	sweep(beside) // where another run with other folders to choose from may have made one
	for _, parent := range []string{os.TempDir(), outsideExtension(beside)} {
		if !sameGroup(parent, beside) {
			continue
		}
		if d, err := in(parent); err == nil {
			if d.reaches(beside) {
				return d, nil
			}
			d.Remove()
		}
	}
	d, err := in(beside)
	if err != nil {
		return nil, cause(err)
	}
	return d, nil
}

// descriptorFile makes a folder an extension.
const descriptorFile = "extension.toml"

// outsideExtension returns the closest folder above dir that is in no extension,
// dir itself when it is in none.
func outsideExtension(dir string) string {
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	outside := dir
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, descriptorFile)); err == nil {
			outside = filepath.Dir(at)
		}
		if at == filepath.Dir(at) {
			return outside
		}
	}
}

// reaches reports whether renaming from d to the folder dir works. Asking for
// device numbers would not do: bind mounts and quotas refuse it as well.
func (d *Dir) reaches(dir string) bool {
	probe, err := os.MkdirTemp(d.Path, prefix)
	if err != nil {
		return false
	}
	moved := filepath.Join(dir, filepath.Base(d.Path)+"-probe")
	if err := os.Rename(probe, moved); err != nil {
		return false
	}
	if os.Remove(moved) != nil {
		_ = os.Remove(moved) // or another run does
	}
	return true
}

// in makes a folder in parent.
func in(parent string) (*Dir, error) {
	parent, err := filepath.EvalSymlinks(parent)
	if err != nil {
		return nil, err
	}
	if parent, err = filepath.Abs(parent); err != nil {
		return nil, err
	}
	sweep(parent)
	const tries = 100
	for range tries {
		path, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			return nil, err
		}
		d := &Dir{Path: path}
		d.lock = flock.New(filepath.Join(path, lockFile))
		locked, err := d.lock.TryLock()
		if err == nil && (!locked || !d.holds()) || err != nil && !exists(path) {
			continue // another run's sweep was faster
		}
		if err != nil && (!exists(d.lock.Path()) || !lacksLocks(err)) {
			_ = os.RemoveAll(path)
			return nil, err // a full disk, or a folder that cannot be written
		}
		// A file system without locks has none, and nothing is swept there.
		if err := os.WriteFile(d.lock.Path(), []byte("docker extpack\n"), 0o600); err != nil {
			d.Remove()
			return nil, err
		}
		return d, nil
	}
	return nil, errors.New("other processes removed the folder")
}

// lacksLocks reports whether err is of a file system without locks. After any
// other error the next sweep could lock the folder, and remove it while it is used.
func lacksLocks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK)
}

// holds reports whether the lock is that of the file in the folder.
func (d *Dir) holds() bool {
	locked, err := d.lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(d.lock.Path())
	return err == nil && os.SameFile(locked, there)
}

// Environ returns the variables that have a child process make its temporary
// files in dir.
func Environ(dir string) []string {
	if runtime.GOOS == "windows" {
		return []string{"TMP=" + dir, "TEMP=" + dir}
	}
	return []string{"TMPDIR=" + dir}
}

// Remove removes the folder and everything in it.
func (d *Dir) Remove() { remove(d.Path, d.lock) }

// remove removes a folder whose lock is held. The lock file goes last, so that
// an end in between leaves the rest for the next sweep, and the lock is released
// after that, or another process could take it and lose its folder.
func remove(path string, lock *flock.Flock) {
	left := removeAllBut(path, lockFile)
	if left != nil {
		left = removeAllBut(path, lockFile) // a limit may have been reached for a moment
	}
	if left != nil {
		_ = lock.Close()
		return
	}
	err := os.RemoveAll(path)
	_ = lock.Close()
	if err != nil {
		_ = os.RemoveAll(path) // Windows removes no open file
	}
}

// sweep removes the folders in parent whose makers are gone. What cannot be
// removed is not this run's business.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if match, _ := filepath.Match(Pattern, e.Name()); !match {
			continue
		}
		path := filepath.Join(parent, e.Name())
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || !mine(info) {
			continue
		}
		if _, err := os.Lstat(filepath.Join(path, lockFile)); errors.Is(err, fs.ErrNotExist) {
			// Not locked yet, and then its maker makes another, or never: only an
			// empty one goes, in which there is no lock by now.
			if os.Remove(path) != nil && time.Since(info.ModTime()) > unlockedFor {
				_ = os.RemoveAll(path)
			}
			continue
		}
		lock := flock.New(filepath.Join(path, lockFile), flock.SetFlag(os.O_RDONLY))
		if locked, err := lock.TryLock(); err == nil && locked {
			remove(path, lock)
		}
	}
}

func removeAllBut(dir, keep string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != keep {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// cause leaves out a path with a random name, of which the user knows nothing.
func cause(err error) error {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
