package content

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/patternmatcher"
)

// matcher is a matcher and its patterns. It compiles them when it is used.
type matcher struct {
	*patternmatcher.PatternMatcher
	patterns []string
}

func (m *matcher) isFor(patterns []string) bool {
	return m != nil && slices.Equal(m.patterns, patterns)
}

// Apply returns the entries that the steps copy into the package, by path. As
// in a build, it is an error if a file replaces a folder or the reverse. It is
// not safe for concurrent use.
func (t *Tree) Apply(steps []Step) (Files, error) {
	out := Files{}
	for i, s := range steps {
		if err := t.apply(out, s, strconv.Itoa(i)); err != nil {
			return nil, fmt.Errorf("copying %s: %w", s.Source, err)
		}
	}
	return out, nil
}

// apply adds the entries that a step copies. id distinguishes its groups of
// hard links from those of other steps.
func (t *Tree) apply(out Files, s Step, id string) error {
	source, err := t.follow(s.Source)
	if err != nil {
		return err
	}
	if err := putParents(out, source, s.Dest); err != nil {
		return err
	}
	if f, ok := t.files[source]; ok && !f.Mode.IsDir() {
		one := *f
		one.Path = s.Dest
		if one.Group() != "" {
			one.SetGroup("")
		}
		if s.Text != nil {
			one.Mode, one.Size = 0o644, int64(len(s.Text))
			one.with(func(r *rare) { r.text = s.Text })
		}
		if s.Exec {
			one.Mode |= 0o111
		}
		return put(out, &one)
	}
	if s.Dest != "." {
		if err := put(out, &File{Path: s.Dest, Source: source, Mode: fs.ModeDir | 0o755}); err != nil {
			return err
		}
	}
	if !t.exclude.isFor(s.Exclude) {
		compiled, err := patternmatcher.New(s.Exclude)
		if err != nil {
			return err
		}
		t.exclude = &matcher{compiled, s.Exclude}
	}
	// The result for a folder applies to everything below it. Folders sort
	// first.
	folders := map[string]patternmatcher.MatchInfo{}
	for _, name := range t.order {
		rel, ok := within(source, name)
		if !ok {
			continue
		}
		excluded, info, err := t.exclude.MatchesUsingParentResults(rel, folders[path.Dir(rel)])
		if err != nil {
			return err
		}
		folders[rel] = info
		if excluded {
			continue
		}
		f := t.files[name].at(path.Join(s.Dest, rel), id)
		if parent := path.Dir(f.Path); parent != "." && !out.isDir(parent) { // it is excluded itself
			if err := putParents(out, source, f.Path); err != nil {
				return err
			}
		}
		if err := put(out, f); err != nil {
			return err
		}
	}
	return nil
}

// at returns the file at another path, where id distinguishes its hard links
// from those of other steps. Most files of large packages do not change.
func (f *File) at(name, id string) *File {
	group := f.Group()
	if f.Path == name && group == "" {
		return f
	}
	moved := *f
	moved.Path = name
	if group != "" {
		moved.SetGroup(id + ":" + group)
	}
	return &moved
}

func (f Files) isDir(name string) bool {
	dir, ok := f[name]
	return ok && dir.Mode.IsDir()
}

// follow resolves a source that is a symbolic link, as COPY does for its
// arguments, but not for files below them.
func (t *Tree) follow(name string) (string, error) { return resolve(t.Lookup, ".", name) }

// within returns name relative to dir, if it is below dir.
func within(dir, name string) (string, bool) {
	if dir == "." {
		return name, true
	}
	return strings.CutPrefix(name, dir+"/")
}

// putParents adds the parent folders that a step creates.
func putParents(out Files, source, dest string) error {
	for dir := path.Dir(dest); dir != "."; dir = path.Dir(dir) {
		if out.isDir(dir) {
			continue
		}
		if err := put(out, &File{Path: dir, Source: source, Mode: fs.ModeDir | 0o755}); err != nil {
			return err
		}
	}
	return nil
}

func put(out Files, f *File) error {
	if old, ok := out[f.Path]; ok && old.Mode.IsDir() != f.Mode.IsDir() {
		return fmt.Errorf("%s is a folder in one place and a file in another (%s, %s)", f.Path, old.Source, f.Source)
	}
	out[f.Path] = f
	return nil
}
