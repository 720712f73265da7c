package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/scratch"
)

// errNoExchange is returned if the system or file system cannot exchange two
// folders.
var errNoExchange = errors.New("exchanging folders is not supported")

// ReplaceDir calls fill to write a folder, which replaces the one at name once
// all of it is on disk. Where the system cannot do so in one step, name is
// missing for a moment, and ReplaceDir calls warn. Symbolic links are treated
// as by [Create].
func ReplaceDir(name string, fill func(dir string) error, warn func(message string)) error {
	name = filepath.Clean(name)
	if err := CheckLink(name); err != nil {
		return err
	}
	temp, err := scratch.Near(name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer temp.Remove()
	fresh := filepath.Join(temp.Path, "new")
	if err := fill(fresh); err != nil {
		return err
	}
	if err := syncTree(fresh); err != nil {
		return fmt.Errorf("writing %s: %w", name, safefile.Cause(err))
	}
	if err := swap(fresh, name, filepath.Join(temp.Path, "old"), warn); err != nil {
		var failed *os.LinkError
		if errors.As(err, &failed) {
			err = failed.Err // without a name that is random
		}
		return fmt.Errorf("writing %s: %w", name, err)
	}
	syncDir(filepath.Dir(name))
	return nil
}

// swap moves fresh to name. The previous folder is at fresh or old afterwards.
func swap(fresh, name, old string, warn func(string)) error {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(fresh, name)
	}
	err := exchange(fresh, name)
	if !errors.Is(err, errNoExchange) {
		return err
	}
	if warn != nil {
		warn(name + " is replaced in two steps: " + err.Error())
	}
	if err := os.Rename(name, old); err != nil {
		return err
	}
	if err := os.Rename(fresh, name); err != nil {
		return errors.Join(err, os.Rename(old, name))
	}
	return nil
}

// CheckDir returns an error if [ReplaceDir] would fail, as far as that can be
// known beforehand.
func CheckDir(name string) error {
	name = filepath.Clean(name)
	if err := CheckLink(name); err != nil {
		return err
	}
	if _, err := os.Lstat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing %s: %w", name, safefile.Cause(err))
	}
	temp, err := scratch.Near(name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	temp.Remove()
	return nil
}

// CheckLink returns an error for a symbolic link at name that leads out of its
// folder. The folder may be untrusted, and a link there must not choose which
// file is overwritten.
func CheckLink(name string) error {
	if err := safefile.Check(filepath.Dir(name), filepath.Base(name)); !errors.Is(err, safefile.ErrOutside) {
		return nil
	}
	target, err := os.Readlink(name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, safefile.Cause(err))
	}
	return diag.WithHint(diag.Invalidf("cannot write %s: it is a link to %s, which points outside its folder", name, target), "remove the link, or choose another name")
}
