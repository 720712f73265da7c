package cliplugin

import (
	"cmp"
	"context"
	"io"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/source"
)

// subject returns the package of a directory, or a published one, with the cases
// of --case that changed files touch, or all. It also returns how many cases there
// were before --case.
func (t *tester) subject(ctx context.Context, name string, changed []string) (s *exttest.Subject, read int, err error) {
	if !source.IsExtension(name) {
		if s, err = t.open(ctx, name); err != nil {
			return nil, 0, err
		}
		s.Dir = "."
		s.Cases, err = extension.ReadTests(s.Dir, t.opts.cases, nil)
		return s, t.choose(s), err
	}
	s, e, err := t.build(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	read, err = t.addCases(s, e)
	if len(changed) > 0 {
		folder := cmp.Or(t.opts.cases, e.Descriptor.Metadata.Extpack.Test.Cases.Value, extension.DefaultTests)
		s.Cases = exttest.Touched(s.Cases, e.Dir, folder, changed)
	}
	return s, read, err
}

// addCases reads the cases of a package, and returns how many there were before
// --case. It chooses the images of the flags before those of the descriptor.
func (t *tester) addCases(s *exttest.Subject, e *plan.Extension) (read int, err error) {
	s.With = t.opts.images.Or(e.Descriptor.Metadata.Extpack.Test)
	s.Cases, err = extension.ReadTests(e.Dir, t.opts.cases, e.Descriptor)
	return t.choose(s), err
}

// choose keeps the cases of --case, and returns how many there were.
func (t *tester) choose(s *exttest.Subject) (read int) {
	read = len(s.Cases)
	s.Cases = slices.DeleteFunc(s.Cases, func(c extension.TestCase) bool { return !t.only.MatchString(c.Name) })
	return read
}

// open copies a published package.
func (t *tester) open(ctx context.Context, name string) (*exttest.Subject, error) {
	src, err := source.Open(ctx, t.client, name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return exttest.Open(ctx, src, t.newDir())
}

func (t *tester) newDir() string {
	t.dirs++
	return filepath.Join(t.dir, strconv.Itoa(t.dirs))
}

// build packages the extension in a directory.
func (t *tester) build(ctx context.Context, dir string) (*exttest.Subject, *plan.Extension, error) {
	o := planOptions{dirs: []string{dir}, stage: t.opts.stage, grants: t.opts.grants}
	p, err := o.plan(ctx, t.app, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := p.Missing(); err != nil {
		return nil, nil, err
	}
	wanted, err := parsePlatforms(t.opts.targets)
	if err != nil {
		return nil, nil, err
	}
	if len(wanted) > 0 {
		p.Extensions[0].KeepPlatforms(wanted)
	}
	var engine pipeline.Engine = &embedded.Engine{}
	if needsBuild(p) {
		engine = t.engine
	}
	made, err := exttest.Package(ctx, p, engine, t.newDir(), pipeline.Options{})
	if err != nil {
		return nil, nil, err
	}
	made[0].Partial = len(t.opts.targets) > 0
	return made[0], p.Extensions[0], nil
}

// beside returns the extension in a directory that a case names.
func (t *tester) beside(ctx context.Context, dir string) (*exttest.Subject, error) {
	real, err := exttest.CheckBeside(dir, t.opts.names)
	if err != nil {
		return nil, err
	}
	if s := t.made[real]; s != nil {
		return s, nil
	}
	s, _, err := t.build(ctx, real)
	if err == nil {
		t.made[real] = s
	}
	return s, err
}

func testPrinter(format string, quiet bool) (func(io.Writer, []exttest.Result) error, error) {
	switch format {
	case "text":
		return func(w io.Writer, r []exttest.Result) error { return printTestText(w, r, quiet) }, nil
	case "json":
		return printTestJSON, nil
	case "junit":
		return printTestJUnit, nil
	case "github":
		return printTestGitHub, nil
	}
	return nil, choice.Check("--format", format, "text", "json", "junit", "github")
}
