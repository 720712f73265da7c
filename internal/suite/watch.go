package suite

import (
	"context"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/wait"
)

// maxChanged is the number of files that are named as changed.
const maxChanged = 3

// Watch runs the cases, and again what a change touches. It calls show with the
// results, and failed with errors, which do not end it.
func (s *Suite) Watch(ctx context.Context, show func([]exttest.Result) error, failed func(error)) error {
	dirs := slices.DeleteFunc(slices.Clone(s.Names), func(name string) bool { return !source.IsExtension(name) })
	if len(dirs) == 0 {
		return diag.Invalidf("--watch requires the directory of an extension among the arguments")
	}
	state := take(dirs)
	var changed []string
	for {
		results, err := s.run(ctx, changed)
		if err == nil && len(results) > 0 {
			err = show(results)
		}
		if context.Cause(ctx) != nil {
			return err
		}
		if err != nil {
			failed(err)
		}
		if s.Update {
			state = take(dirs) // with what was written
		}
		if state, changed, err = state.wait(ctx, dirs); err != nil {
			return err
		}
		s.Log("\n%s changed", strings.Join(changed[:min(len(changed), maxChanged)], ", "))
	}
}

// snapshot is the state of the files of directories, by which changes are found.
type snapshot map[string]stamp

type stamp struct {
	size int64
	mode fs.FileMode
	time time.Time
}

// take returns the state of the files below directories, without those that
// never enter a package.
func take(dirs []string) snapshot {
	s := snapshot{}
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // it was removed since, or cannot be read
			}
			rel, err := filepath.Rel(dir, name)
			if err != nil || rel == "." {
				return nil
			}
			if content.IsNever(filepath.ToSlash(rel)) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			info, err := d.Info()
			if err == nil && !d.IsDir() {
				s[name] = stamp{info.Size(), info.Mode(), info.ModTime()}
			}
			return nil
		})
	}
	return s
}

// watchEvery is the time between looks at the files.
const watchEvery = 300 * time.Millisecond

// wait waits for a change since the snapshot was taken, and until no more
// follows. It returns the new state and the paths of the files that changed.
func (s snapshot) wait(ctx context.Context, dirs []string) (snapshot, []string, error) {
	last := s
	for {
		if err := wait.For(ctx, watchEvery); err != nil {
			return s, nil, err
		}
		now := take(dirs)
		if changed := s.diff(now); len(changed) > 0 && len(last.diff(now)) == 0 {
			return now, changed, nil
		}
		last = now
	}
}

func (s snapshot) diff(now snapshot) []string {
	var changed []string
	for name, st := range now {
		if s[name] != st {
			changed = append(changed, name)
		}
	}
	for name := range maps.Keys(s) {
		if _, ok := now[name]; !ok {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed
}

// touched returns the cases that changed files affect. A file of cases affects
// its own cases, a file in the application of a case affects that case, and any
// other file, such as those of the extension, affects all cases.
func touched(cases []extension.TestCase, dir, folder string, changed []string) []extension.TestCase {
	var out []extension.TestCase
	for _, c := range cases {
		if slices.ContainsFunc(changed, func(name string) bool { return touches(c, cases, dir, folder, name) }) {
			out = append(out, c)
		}
	}
	return out
}

// touchesDir reports whether a changed file is below the directory of an
// extension.
func touchesDir(dir string, changed []string) bool {
	return slices.ContainsFunc(changed, func(name string) bool {
		_, inside, err := safefile.Below(dir, name)
		return err != nil || inside
	})
}

func touches(c extension.TestCase, all []extension.TestCase, dir, folder, name string) bool {
	if name == c.File || inEntry(c, c.App, name) {
		return true
	}
	if inEntry(c, c.Golden, name) {
		return true
	}
	for _, other := range all {
		if name == other.File || inEntry(other, other.App, name) || inEntry(other, other.Golden, name) {
			return false
		}
	}
	rel, inside, err := safefile.Below(dir, name)
	rel = filepath.ToSlash(rel)
	return err != nil || !inside || rel != folder && !strings.HasPrefix(rel, folder+"/") || !strings.HasSuffix(rel, ".toml")
}

// inEntry reports whether a file is below a directory that a case names.
func inEntry(c extension.TestCase, e extension.Entry, name string) bool {
	if e.Value == "" {
		return false
	}
	_, inside, err := safefile.Below(filepath.Join(filepath.Dir(c.File), filepath.FromSlash(e.Value)), name)
	return err == nil && inside
}
