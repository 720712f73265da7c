// Package content says which files of an extension directory enter a package,
// and under which names: .dockerignore, the files that never enter, and the
// copy steps of an image, which the bake file spells as COPY instructions.
//
// It reads names and modes, never contents, and changes nothing. The rules are
// BuildKit's own (the same walker and pattern matcher), so that what it says is
// what a build does.
package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/scratch"
)

// IgnoreFile is the file at the extension root that keeps files out of a build
// context, in the format of the Dockerfile reference, ".dockerignore files".
const IgnoreFile = ".dockerignore"

// Limits on ignore files. Each pattern becomes a regular expression that is
// tried on every path, and takes time in proportion to its length.
const (
	maxIgnoreFile = 64 << 10
	maxPattern    = 1024
)

// Never are the patterns of what never enters a package, relative to whatever
// folder is copied: version control, packages, temporary folders, and generated
// bake files.
func Never() []string {
	return []string{"**/.git", "**/*.cnb", "**/" + scratch.Pattern, GeneratedPattern}
}

// IsNever reports whether name, relative to the folder that is copied, or a
// folder it is in, is one that never enters a package.
func IsNever(name string) bool {
	matcher, err := patternmatcher.New(Never())
	if err != nil {
		return false // the patterns are constant and right
	}
	never, err := matcher.MatchesOrParentMatches(name)
	return never && err == nil
}

// GeneratedPattern matches the names a generated bake file may have inside an
// extension.
const GeneratedPattern = "docker-bake*.hcl"

// Step copies a file, or what is in a folder, into the package. It means what
// COPY does: later steps replace the files of earlier ones.
type Step struct {
	// Source is relative to the extension root and Dest to the folder of the
	// extension in the package, both separated by "/"; "." is the folder itself.
	Source, Dest string
	// Exclude are patterns relative to Source, as COPY --exclude takes them.
	Exclude []string
	// Sockets are patterns relative to Source for the sockets below it, which a
	// builder takes for empty files.
	Sockets []string
	// Exec makes the file executable whatever its mode.
	Exec bool
	// Links says that the context root, which is Source, has symbolic links
	// directly in it. COPY with excludes treats them as what they lead to when
	// it decides whether its cache is good: a dangling one fails the build, a
	// changed one goes unnoticed. Below the root it looks at the links.
	Links bool
	// Text is the content of Dest where it differs from that of Source, a file.
	Text []byte
}

// File is one entry of a package.
type File struct {
	// Path is relative to the extension's folder in the package.
	Path string
	// Source is where it comes from, relative to the extension root.
	Source string
	Mode   fs.FileMode
	Size   int64
	// ModTime is when it was last changed, to notice a change during a build.
	ModTime time.Time
	// Target is what a symbolic link says, as it stands.
	Target string
	// Group is the same for files that are hard links of each other and are
	// copied by one step, which keeps them so; empty for a file of its own.
	Group string
	// Text is the content of the file where it differs from that of Source.
	Text []byte
	// LinkErr is why a symbolic link leads to nothing in the build context.
	LinkErr error
}

// Tree is what .dockerignore leaves of an extension directory.
type Tree struct {
	dir   string
	files map[string]File // by source
	order []string
	// sockets are left out: nothing can be read from them later.
	sockets []string
}

// Read walks the extension directory dir. A .dockerignore that cannot be
// parsed is a [*diag.InvalidError].
func Read(ctx context.Context, dir string) (*Tree, error) {
	patterns, err := ignorePatterns(dir)
	if err != nil {
		return nil, err
	}
	t := &Tree{dir: dir, files: map[string]File{}}
	err = fsutil.Walk(ctx, dir, &fsutil.FilterOpt{ExcludePatterns: patterns}, func(name string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return t.add(filepath.ToSlash(name), info)
	})
	if err != nil {
		return nil, fmt.Errorf("reading extension directory %s: %w", dir, err)
	}
	t.checkLinks()
	return t, nil
}

func ignorePatterns(dir string) ([]string, error) {
	name := filepath.Join(dir, IgnoreFile)
	data, err := safefile.Read(dir, IgnoreFile, maxIgnoreFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, safefile.ErrNotRegular), errors.Is(err, safefile.ErrOutside), errors.Is(err, safefile.ErrTooLarge):
		return nil, diag.Invalidf("%s: %v", name, err)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", name, safefile.Cause(err))
	}
	const hint = "see the Dockerfile reference, \".dockerignore files\""
	patterns, err := ignorefile.ReadAll(bytes.NewReader(data))
	if err != nil {
		return nil, diag.WithHint(diag.Invalidf("%s: %v", name, err), hint)
	}
	for _, p := range patterns {
		if len(p) > maxPattern {
			return nil, diag.WithHint(diag.Invalidf("%s: the pattern %.40q… has %d characters, more than %d", name, p, len(p), maxPattern), "split it into shorter ones")
		}
		if _, err := patternmatcher.New([]string{p}); err != nil {
			return nil, diag.WithHint(diag.Invalidf("%s: %q is no pattern: %v", name, p, err), hint)
		}
	}
	return patterns, nil
}

func (t *Tree) add(name string, info fs.FileInfo) error {
	f := File{Source: name, Mode: info.Mode(), Size: info.Size(), ModTime: info.ModTime()}
	if f.Mode&fs.ModeSymlink != 0 {
		target, err := os.Readlink(filepath.Join(t.dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		f.Target = filepath.ToSlash(target)
	} else if f.Mode.IsRegular() && f.Size == 0 && t.isSocket(name) {
		t.sockets = append(t.sockets, name)
		return nil
	} else if stat, ok := info.Sys().(*types.Stat); ok && stat.Linkname != "" {
		// The walker names the first link it met, which knows of no others.
		f.Group = filepath.ToSlash(stat.Linkname)
		if first, ok := t.files[f.Group]; ok {
			first.Group = f.Group
			t.files[f.Group] = first
		}
	}
	t.files[name] = f
	t.order = append(t.order, name)
	return nil
}

// isSocket looks at the file itself, as the walker takes a socket for a file.
func (t *Tree) isSocket(name string) bool {
	info, err := os.Lstat(filepath.Join(t.dir, filepath.FromSlash(name)))
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

// Sockets returns the sockets below the folder dir, which are left out of
// packages.
func (t *Tree) Sockets(dir string) []string {
	var names []string
	for _, name := range t.sockets {
		if _, ok := within(dir, name); ok {
			names = append(names, name)
		}
	}
	return names
}

// Has reports whether name, relative to the extension root, is there and not
// ignored.
func (t *Tree) Has(name string) bool {
	_, ok := t.files[name]
	return ok || name == "."
}

// LinksAtRoot reports whether a symbolic link stands directly in the extension
// root; see [Step.Links].
func (t *Tree) LinksAtRoot() bool {
	for name, f := range t.files {
		if f.Mode&fs.ModeSymlink != 0 && !strings.Contains(name, "/") {
			return true
		}
	}
	return false
}

// Lookup gives the entry of that name, relative to the extension root.
func (t *Tree) Lookup(name string) (File, bool) {
	f, ok := t.files[name]
	return f, ok
}

// Apply gives the entries that the steps put into the package, by path. A step
// that puts a file where another has a folder is an error, as it is in a build.
func (t *Tree) Apply(steps []Step) (map[string]File, error) {
	out := map[string]File{}
	for i, s := range steps {
		if err := t.apply(out, s, strconv.Itoa(i)); err != nil {
			return nil, fmt.Errorf("copying %s: %w", s.Source, err)
		}
	}
	return out, nil
}

// apply adds what a step copies; id tells its groups of hard links from those
// of other steps.
func (t *Tree) apply(out map[string]File, s Step, id string) error {
	source, err := t.follow(s.Source)
	if err != nil {
		return err
	}
	if err := putParents(out, source, s.Dest); err != nil {
		return err
	}
	if f, ok := t.files[source]; ok && !f.Mode.IsDir() {
		f.Path, f.Group = s.Dest, ""
		if s.Text != nil {
			f.Mode, f.Size, f.Text = 0o644, int64(len(s.Text)), s.Text
		}
		if s.Exec {
			f.Mode |= 0o111
		}
		return put(out, f)
	}
	if s.Dest != "." {
		if err := put(out, File{Path: s.Dest, Source: source, Mode: fs.ModeDir | 0o755}); err != nil {
			return err
		}
	}
	matcher, err := patternmatcher.New(s.Exclude)
	if err != nil {
		return err
	}
	// What was found of a folder saves asking again for all that is in it; the
	// order has folders first.
	folders := map[string]patternmatcher.MatchInfo{}
	for _, name := range t.order {
		rel, ok := within(source, name)
		if !ok {
			continue
		}
		excluded, info, err := matcher.MatchesUsingParentResults(rel, folders[path.Dir(rel)])
		if err != nil {
			return err
		}
		folders[rel] = info
		if excluded {
			continue
		}
		f := t.files[name]
		f.Path = path.Join(s.Dest, rel)
		if parent := path.Dir(f.Path); parent != "." && !out[parent].Mode.IsDir() { // it is excluded itself
			if err := putParents(out, source, f.Path); err != nil {
				return err
			}
		}
		if f.Group != "" {
			f.Group = id + ":" + f.Group
		}
		if err := put(out, f); err != nil {
			return err
		}
	}
	return nil
}

// follow resolves a source that is itself a link, as COPY does for the names
// it is given (but not for what it finds below them).
func (t *Tree) follow(name string) (string, error) { return resolve(t.Lookup, ".", name) }

// within gives name relative to dir, when it lies below it.
func within(dir, name string) (string, bool) {
	if dir == "." {
		return name, true
	}
	return strings.CutPrefix(name, dir+"/")
}

// putParents adds the folders that a step makes to put its files into.
func putParents(out map[string]File, source, dest string) error {
	for dir := path.Dir(dest); dir != "."; dir = path.Dir(dir) {
		if old, ok := out[dir]; ok && old.Mode.IsDir() {
			continue
		}
		if err := put(out, File{Path: dir, Source: source, Mode: fs.ModeDir | 0o755}); err != nil {
			return err
		}
	}
	return nil
}

func put(out map[string]File, f File) error {
	if old, ok := out[f.Path]; ok && old.Mode.IsDir() != f.Mode.IsDir() {
		return fmt.Errorf("%s is a folder in one place and a file in another (%s, %s)", f.Path, old.Source, f.Source)
	}
	out[f.Path] = f
	return nil
}
