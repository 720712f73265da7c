package content

import "io/fs"

// Files are entries by path. They are shared between images: to change one,
// replace it by a copy.
type Files map[string]*File

// File is one entry of a package. It is small, because packages have up to
// hundreds of thousands.
type File struct {
	// Path is relative to the extension's folder in the package.
	Path string
	// Source is the path relative to the extension root.
	Source string
	Mode   fs.FileMode
	Size   int64
	// ModTime is the modification time in nanoseconds since 1970, to detect a
	// change during a build.
	ModTime int64

	// rare is nil for most files. Copies of the file share it.
	rare *rare
}

// rare is what few files have.
type rare struct {
	target, group string
	text          []byte
	linkErr       error
}

// with changes what few files have, in this file and not in copies of it.
func (f *File) with(change func(*rare)) {
	var r rare
	if f.rare != nil {
		r = *f.rare
	}
	change(&r)
	f.rare = &r
}

// Target returns the target of a symbolic link, unresolved.
func (f *File) Target() string {
	if f.rare == nil {
		return ""
	}
	return f.rare.target
}

// SetTarget sets the target of a symbolic link.
func (f *File) SetTarget(target string) { f.with(func(r *rare) { r.target = target }) }

// Group returns a name that is equal for hard links to the same file that are
// copied by one step, which preserves them. It is empty for other files.
func (f *File) Group() string {
	if f.rare == nil {
		return ""
	}
	return f.rare.group
}

// SetGroup sets the name of a group of hard links.
func (f *File) SetGroup(group string) { f.with(func(r *rare) { r.group = group }) }

// Text returns the content of the file if it differs from that of Source, else
// nil.
func (f *File) Text() []byte {
	if f.rare == nil {
		return nil
	}
	return f.rare.text
}

// LinkErr returns the reason why a symbolic link cannot be resolved in the
// build context.
func (f *File) LinkErr() error {
	if f.rare == nil {
		return nil
	}
	return f.rare.linkErr
}
