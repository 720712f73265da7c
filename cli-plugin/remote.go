package cliplugin

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/remote"
	"github.com/extpack/extpack/internal/text"
)

// remotes are the sources among the arguments that are not on this machine.
type remotes struct {
	// folder returns the path of a folder to fetch into. If it is nil, the
	// command takes no remote sources.
	folder func() (string, error)
	log    func(format string, args ...any)
	all    []remoteSource
}

type remoteSource struct {
	*remote.Fetched
	name string
}

// fetch returns the arguments with the folders of remote sources in place of
// their names.
func (r *remotes) fetch(ctx context.Context, names []string) ([]string, error) {
	local := slices.Clone(names)
	for i, name := range names {
		src, err := remote.Parse(name)
		switch {
		case err != nil:
			return nil, err
		case src == nil:
			continue
		case r.folder == nil:
			return nil, diag.WithHint(diag.Invalidf("%s: this command takes no remote source", src), "clone or extract it, and name the directory")
		}
		dir, err := r.folder()
		if err != nil {
			return nil, err
		}
		got, err := remote.Fetcher{}.Fetch(ctx, src, dir)
		if err != nil {
			return nil, err
		}
		if got.Commit != "" {
			r.log("fetched %s at commit %s", src, got.Commit)
		}
		for _, note := range got.Notes {
			r.log("warning: %s: %s", src, note)
		}
		r.all = append(r.all, remoteSource{got, src.String()})
		local[i] = got.Dir
	}
	return local, nil
}

// contextOf returns the name of a folder of a remote source for a bake file, or
// "" for a folder of this machine.
func (r *remotes) contextOf(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for _, s := range r.all {
		if name := s.Name(abs); name != "" {
			return name, nil
		}
		if strings.HasPrefix(abs, s.Root) {
			return "", diag.WithHint(diag.Invalidf("%s: the extension is in a folder of the archive, and buildx takes an archive as a whole only", s.name), "extract it, and name the directory, or build it with docker extpack build")
		}
	}
	return "", nil
}

// setContexts makes a bake file read remote extensions where they are.
func (r *remotes) setContexts(p *plan.Plan) error {
	for _, e := range p.Extensions {
		var err error
		if e.Remote, err = r.contextOf(e.Dir); err != nil {
			return err
		}
		if e.Remote == "" {
			continue
		}
		if patterns, err := content.IgnorePatterns(e.Dir); err != nil || len(patterns) > 0 {
			return errors.Join(err, diag.WithHint(diag.Invalidf("%s: a bake file would pack what its %s excludes, because BuildKit reads none in a remote context", r.shown(e.Dir), content.IgnoreFile),
				"clone or extract it, and name the directory, or build it with docker extpack build"))
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

// isRemote reports whether an argument names a source elsewhere.
func isRemote(arg string) bool {
	src, err := remote.Parse(arg)
	return src != nil || err != nil
}

// names returns arguments without the credentials of remote sources.
func (r *remotes) names(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if src, err := remote.Parse(arg); err == nil && src != nil {
			args[i] = src.String()
		}
	}
	return args
}

// rename replaces the folders of remote sources in diagnostics by their names.
func (r *remotes) rename(list diag.List) {
	for i := range list {
		for _, s := range r.all {
			if rest, ok := strings.CutPrefix(list[i].File, s.Dir); ok {
				list[i].File = s.name + rest
			}
			list[i].Message = strings.ReplaceAll(list[i].Message, s.Dir, s.name)
		}
	}
}

// explain renames the folders in an error.
func (r *remotes) explain(err error) error {
	var invalid *diag.InvalidError
	if errors.As(err, &invalid) {
		r.rename(invalid.Diagnostics)
	}
	return err
}

// shown returns the name of the directory of an extension.
func (r *remotes) shown(dir string) string {
	for _, s := range r.all {
		if rest, ok := strings.CutPrefix(dir, s.Dir); ok {
			return text.Line(s.name + filepath.ToSlash(rest))
		}
	}
	return text.Line(dir)
}
