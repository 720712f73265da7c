package safefile

import (
	"os"
	"path/filepath"
	"syscall"
)

// Root opens files below a folder as [Open] does, and keeps the directory of the
// last one open: the path of a directory is walked once for the files in it that
// follow each other. It is not safe for use by several goroutines.
type Root struct {
	root *os.Root
	dir  *os.Root // nil, or the directory of the last file
	at   string   // the name of dir
}

// OpenRoot opens the folder dir.
func OpenRoot(dir string) (*Root, error) {
	root, err := OpenDir(dir)
	if err != nil {
		return nil, err
	}
	return &Root{root: root}, nil
}

// Name returns the name of the folder as it was passed to [OpenRoot].
func (r *Root) Name() string { return r.root.Name() }

// Close closes the folder.
func (r *Root) Close() error {
	r.leave()
	return r.root.Close()
}

// Open is [Open] for a file below the folder.
func (r *Root) Open(name string) (*os.File, error) {
	name = filepath.FromSlash(name)
	dir, base := filepath.Split(name)
	if err := r.enter(dir); err != nil {
		return Open(r.root, name)
	}
	// A link may lead out of the directory without leading out of the folder.
	if info, err := r.dir.Lstat(base); err != nil || !info.Mode().IsRegular() {
		return Open(r.root, name)
	}
	f, err := r.dir.OpenFile(base, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Open(r.root, name)
	}
	return regular(f) // it may have been replaced since
}

// enter opens the directory, unless it is the last one.
func (r *Root) enter(dir string) error {
	if dir == "" {
		dir = "."
	}
	if r.dir != nil && r.at == dir {
		return nil
	}
	r.leave()
	opened, err := r.root.OpenRoot(dir)
	if err != nil {
		return err
	}
	r.dir, r.at = opened, dir
	return nil
}

// leave closes the last directory.
func (r *Root) leave() {
	if r.dir != nil {
		r.dir.Close()
		r.dir = nil
	}
}
