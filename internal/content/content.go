// Package content selects the files of an extension directory that enter a
// package, and their names. It applies .dockerignore, the patterns that are
// always excluded, and the copy steps of an image, which the bake file writes
// as COPY instructions.
//
// It reads names and modes, and contents only where files have no modes. It uses
// BuildKit's walker and pattern matcher, so that the result equals that of a
// build.
package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil/types"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/scratch"
)

// IgnoreFile is the file at the extension root that keeps files out of a build
// context, in the format of the Dockerfile reference, ".dockerignore files".
const IgnoreFile = ".dockerignore"

// Limits on ignore files. Each pattern is compiled to a regular expression that
// is matched against every path, in time proportional to its length.
const (
	maxIgnoreFile = 64 << 10
	maxPattern    = 1024
)

// Never are the patterns of files that never enter a package, relative to the
// folder that is copied: version control, packages, temporary folders, and
// generated bake files.
func Never() []string {
	return []string{"**/.git", "**/*.cnb", "**/" + scratch.Pattern, GeneratedPattern}
}

// IsNever reports whether name, relative to the folder that is copied, or one
// of its parents matches [Never].
func IsNever(name string) bool {
	matcher, err := patternmatcher.New(Never())
	if err != nil {
		return false // the patterns are valid constants
	}
	never, err := matcher.MatchesOrParentMatches(name)
	return never && err == nil
}

// GeneratedPattern matches the names of generated bake files inside an
// extension.
const GeneratedPattern = "docker-bake*.hcl"

// Step copies a file, or the content of a folder, into the package. Like COPY,
// later steps replace the files of earlier ones.
type Step struct {
	// Source is relative to the extension root and Dest to the folder of the
	// extension in the package, both separated by "/"; "." is the folder itself.
	Source, Dest string
	// Exclude are patterns relative to Source, as COPY --exclude takes them.
	Exclude []string
	// Sockets are patterns relative to Source for the sockets below it, which a
	// builder would copy as empty files.
	Sockets []string
	// Exec makes the file executable regardless of its mode.
	Exec bool
	// Links reports whether Source is the context root and has symbolic links
	// directly in it. COPY with excludes follows them when it computes the
	// cache key: a dangling link fails the build, and a changed link goes
	// unnoticed. It does not follow links below the root.
	Links bool
	// Text is the content of Dest if it differs from that of the file Source.
	Text []byte
}

// Tree is the extension directory without the files that .dockerignore
// excludes.
type Tree struct {
	dir   string
	files Files // by source
	order []string
	// sockets are excluded: they have no content.
	sockets []string
	// exclude is the matcher of the last step, because most exclude the same.
	exclude *matcher
}

// Read walks the extension directory dir. It returns a [*diag.InvalidError] if
// .dockerignore cannot be parsed.
func Read(ctx context.Context, dir string) (*Tree, error) {
	patterns, err := IgnorePatterns(dir)
	if err != nil {
		return nil, err
	}
	t := &Tree{dir: dir, files: Files{}}
	err = walk(ctx, dir, patterns, maxMatching, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return t.add(filepath.ToSlash(name), info)
	})
	if diag.IsInvalid(err) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("reading extension directory %s: %w", dir, err)
	}
	if len(t.files) == 0 {
		if err := checkEmpty(dir); err != nil {
			return nil, fmt.Errorf("reading extension directory %s: %w", dir, err)
		}
	}
	if NoModes {
		if err := t.setModes(); err != nil {
			return nil, fmt.Errorf("reading extension directory %s: %w", dir, err)
		}
	}
	t.checkLinks()
	return t, nil
}

// NewTree returns the tree of files that were read elsewhere. They are in the
// order of a walk, and need a Source, a Mode and, if they have one, a Size, a
// Target and a Group.
func NewTree(files []*File) *Tree {
	t := &Tree{files: make(Files, len(files))}
	for _, f := range files {
		f.Path = f.Source
		t.files[f.Source] = f
		t.order = append(t.order, f.Source)
	}
	return t
}

// checkEmpty returns an error for a directory in which nothing was found although
// there is something that nothing excludes: the walk leaves out a directory that
// the system fails to open.
func checkEmpty(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, IgnoreFile)); err == nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Type().IsRegular() && !IsNever(e.Name()) {
			return errors.New("it could not be opened")
		}
	}
	return err
}

// IgnorePatterns returns the patterns of the ignore file in dir, clean and
// without a leading "/". It returns a [*diag.InvalidError] if the file cannot be
// parsed.
func IgnorePatterns(dir string) ([]string, error) {
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
			return nil, diag.WithHint(diag.Invalidf("%s: the pattern %.40q… has %d characters, more than %d", positionOf(name, data, p), p, len(p), maxPattern), "split it into shorter ones")
		}
		if !utf8.ValidString(p) || strings.ContainsRune(p, 0) { // the matcher would print it
			return nil, diag.WithHint(diag.Invalidf("%s: %q is not UTF-8 text", positionOf(name, data, p), p), "save the file as UTF-8")
		}
		if strings.ContainsFunc(p, unicode.IsControl) { // BuildKit sends patterns in a header
			return nil, diag.WithHint(diag.Invalidf("%s: %q contains a control character", positionOf(name, data, p), p), "remove it, or match it with \"?\"")
		}
		if _, err := patternmatcher.New([]string{p}); err != nil {
			return nil, diag.WithHint(diag.Invalidf("%s: %q is not a pattern: %v", positionOf(name, data, p), p, err), hint)
		}
	}
	return patterns, nil
}

// positionOf returns the position of a pattern in an ignore file.
func positionOf(file string, data []byte, pattern string) diag.Position {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if found, err := ignorefile.ReadAll(bytes.NewReader(line)); err == nil && len(found) == 1 && found[0] == pattern {
			return diag.Position{File: file, Line: n, Column: 1 + len(line) - len(bytes.TrimLeft(line, " \t"))}
		}
	}
	return diag.Position{File: file}
}

func (t *Tree) add(name string, info fs.FileInfo) error {
	f := &File{Path: name, Source: name, Mode: info.Mode(), Size: info.Size(), ModTime: info.ModTime().UnixNano()}
	if f.Mode&fs.ModeSymlink != 0 {
		target, err := os.Readlink(filepath.Join(t.dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		f.SetTarget(filepath.ToSlash(target))
	} else if f.Mode.IsRegular() && f.Size == 0 && t.isSocket(name) {
		t.sockets = append(t.sockets, name)
		return nil
	} else if stat, ok := info.Sys().(*types.Stat); ok && stat.Linkname != "" {
		// The walker reports later hard links with the name of the first one,
		// and the first one without any.
		group := filepath.ToSlash(stat.Linkname)
		f.SetGroup(group)
		if first, ok := t.files[group]; ok {
			first.SetGroup(group)
		}
	}
	t.files[name] = f
	t.order = append(t.order, name)
	return nil
}

// isSocket calls Lstat, because the walker reports a socket as a regular file.
func (t *Tree) isSocket(name string) bool {
	info, err := os.Lstat(filepath.Join(t.dir, filepath.FromSlash(name)))
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

// Sockets returns the sockets below the folder dir, which are excluded from
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

// Has reports whether name, relative to the extension root, exists and is not
// ignored.
func (t *Tree) Has(name string) bool {
	_, ok := t.files[name]
	return ok || name == "."
}

// LinksAtRoot reports whether the extension root directly contains a symbolic
// link; see [Step.Links].
func (t *Tree) LinksAtRoot() bool {
	for name, f := range t.files {
		if f.Mode&fs.ModeSymlink != 0 && !strings.Contains(name, "/") {
			return true
		}
	}
	return false
}

// Lookup returns the entry at name, relative to the extension root.
func (t *Tree) Lookup(name string) (*File, bool) {
	f, ok := t.files[name]
	return f, ok
}
