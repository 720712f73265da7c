package remote

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/text"
)

// Sources are the sources among the arguments of a command that are not on this
// machine.
type Sources struct {
	// Folder returns the path of a folder to fetch into. If it is nil, the
	// command takes no remote sources.
	Folder func() (string, error)
	// Log is called with what was fetched.
	Log func(format string, args ...any)
	all []*Fetched
	// extracted are archives of this machine.
	extracted []*Fetched
}

// Extracted adds the folder that an archive of this machine was extracted to.
func (r *Sources) Extracted(root, archive string) {
	r.extracted = append(r.extracted, &Fetched{Root: root, Dir: root, source: &Source{URL: archive, archive: true}})
}

// Fetch returns the arguments with the folders of remote sources in place of
// their names.
func (r *Sources) Fetch(ctx context.Context, names []string) ([]string, error) {
	local := slices.Clone(names)
	for i, name := range names {
		src, err := Parse(name)
		switch {
		case err != nil:
			return nil, err
		case src == nil:
			continue
		case r.Folder == nil:
			return nil, diag.WithHint(diag.Invalidf("%s: remote sources are not supported by this command", src), "clone or extract it, and pass the directory")
		}
		dir, err := r.Folder()
		if err != nil {
			return nil, err
		}
		got, err := Fetcher{}.Fetch(ctx, src, dir)
		if err != nil {
			return nil, err
		}
		if got.Commit != "" {
			r.Log("fetched %s at commit %s", src, got.Commit)
		}
		for _, name := range got.Submodules {
			r.Log("warning: %s: the submodule %s is not fetched", src, text.Line(name))
		}
		r.all = append(r.all, got)
		local[i] = got.Dir
	}
	return local, nil
}

// contextOf returns the name of a folder of a remote source for a bake file, or
// "" for a folder of this machine.
func (r *Sources) contextOf(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for _, s := range r.all {
		if name := s.Name(abs); name != "" {
			return name, nil
		}
		if strings.HasPrefix(abs, s.Root) {
			return "", diag.WithHint(diag.Invalidf("%s: the extension is in a folder of the archive, and buildx supports only whole archives", s.source.String()), "extract it, and name the directory, or build it with docker extpack build")
		}
	}
	return "", nil
}

// SetContexts makes a bake file read remote extensions where they are.
func (r *Sources) SetContexts(p *plan.Plan) error {
	for _, e := range p.Extensions {
		var err error
		if e.Remote, err = r.contextOf(e.Dir); err != nil {
			return err
		}
		if e.Remote == "" {
			continue
		}
		if patterns, err := content.IgnorePatterns(e.Dir); err != nil || len(patterns) > 0 {
			return errors.Join(err, diag.WithHint(diag.Invalidf("%s: a bake file would pack files that its %s excludes, because BuildKit does not read it in a remote context", r.Shown(e.Dir), content.IgnoreFile),
				"clone or extract it, and pass the directory, or build it with docker extpack build"))
		}
		if err := r.checkSubmodules(e.Dir); err != nil {
			return err
		}
		if e.Build == nil {
			continue
		}
		for name, value := range e.Build.Contexts {
			within, err := r.contextOf(value)
			if err != nil {
				return err
			}
			if within != "" {
				e.Build.Contexts[name] = within
			}
		}
	}
	return nil
}

// checkSubmodules refuses an extension with submodules, which BuildKit fetches
// for a remote context.
func (r *Sources) checkSubmodules(dir string) error {
	for _, s := range r.all {
		if len(s.Submodules) > 0 && s.Name(dir) != "" {
			return diag.WithHint(diag.Invalidf("%s: a bake file would pack the submodule %s, which BuildKit fetches and docker extpack does not", r.Shown(dir), text.Line(s.Submodules[0])),
				"clone it with its submodules, and name the directory")
		}
	}
	return nil
}

// First returns the name of the first source, or "".
func (r *Sources) First() string {
	if len(r.all) == 0 {
		return ""
	}
	return r.all[0].source.String()
}

// IsRemote reports whether an argument names a source elsewhere.
func IsRemote(arg string) bool {
	src, err := Parse(arg)
	return src != nil || err != nil
}

// Names returns arguments without the credentials of remote sources.
func (r *Sources) Names(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if src, err := Parse(arg); err == nil && src != nil {
			args[i] = src.String()
		}
	}
	return args
}

// Rename replaces the temporary folders of sources in diagnostics by the names
// of the sources.
func (r *Sources) Rename(list diag.List) {
	for _, s := range slices.Concat(r.all, r.extracted) {
		for i := range list {
			d := &list[i]
			if rest, ok := strings.CutPrefix(d.File, s.Dir); ok {
				d.File = s.source.String() + rest
			}
			d.Message = strings.ReplaceAll(d.Message, s.Dir, s.source.String())
			d.Hint = s.rename(d.Hint)
		}
	}
}

// rename replaces the folders of a source in a hint by names that Parse accepts.
// It accepts none for folders in an archive of this machine.
func (f *Fetched) rename(hint string) string {
	if f.source.full == "" && strings.Contains(hint, f.Root) {
		return "extract it, and name the directory"
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(hint, f.Root+string(filepath.Separator))
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		dir := after
		if end := strings.IndexAny(after, " \""); end >= 0 {
			dir = after[:end]
		}
		named := *f.source
		named.Dir = filepath.ToSlash(dir)
		b.WriteString(named.String())
		hint = after[len(dir):]
	}
}

// Explain renames the folders in an error.
func (r *Sources) Explain(err error) error {
	var invalid *diag.InvalidError
	if errors.As(err, &invalid) {
		r.Rename(invalid.Diagnostics)
	}
	return err
}

// Shown returns the name of the directory of an extension.
func (r *Sources) Shown(dir string) string {
	for _, s := range slices.Concat(r.all, r.extracted) {
		if rest, ok := strings.CutPrefix(dir, s.Dir); ok {
			return text.Line(s.source.String() + filepath.ToSlash(rest))
		}
	}
	return text.Line(dir)
}
