// Package suite finds the test cases of extensions, packages the extensions, and
// has package exttest run the cases: once, again after changes, or for a package
// that a build has made.
package suite

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/daemon"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/source"
)

// Builder builds extensions and the jobs of cases.
type Builder interface {
	pipeline.Engine
	exttest.Builder
}

// Request is what to test, and with what.
type Request struct {
	// Names are directories of extensions, or packages in the form of package
	// source.
	Names []string
	// With are the images of flags, before those of descriptors.
	With exttest.With
	// Cases is the folder of the cases, "" for that of the descriptor.
	Cases string
	// Only is a regular expression for the names of cases.
	Only string
	// Platforms are those to test on; none means all.
	Platforms []v1.Platform
	// Update writes golden files. Keep is a directory for what each case made,
	// "" for none.
	Update bool
	Keep   string
	// Plan returns the plan of the extension in a directory.
	Plan    func(ctx context.Context, dir string) (*plan.Plan, error)
	Builder Builder
	// Support is as in [exttest.Request].
	Support func(ctx context.Context, p v1.Platform) (emulated bool, reason string, err error)
	Client  *registry.Client
	// Docker returns the Docker Engine, for images that cannot be pulled.
	Docker func() daemon.Source
	// Dir is an empty directory for packages.
	Dir string
	Log func(format string, args ...any)
}

// Suite runs the cases of a request.
type Suite struct {
	Request
	only  *regexp.Regexp
	made  map[string]*exttest.Subject // of directories that cases name
	dirs  int
	local daemon.Saver
}

// New returns the suite of a request.
func New(r Request) (*Suite, error) {
	only, err := regexp.Compile(r.Only)
	if err != nil {
		return nil, diag.Invalidf("--case: %v", err)
	}
	s := &Suite{Request: r, only: only, made: map[string]*exttest.Subject{}}
	s.local = daemon.Saver{API: r.Docker, NewDir: s.newDir, Log: r.Log}
	return s, nil
}

// Run runs all cases.
func (s *Suite) Run(ctx context.Context) ([]exttest.Result, error) { return s.run(ctx, nil) }

// run runs the cases, or those that changed files touch if there are any.
func (s *Suite) run(ctx context.Context, changed []string) ([]exttest.Result, error) {
	found, read := 0, 0
	var all []*exttest.Subject
	for _, name := range s.Names {
		if len(changed) > 0 && source.IsExtension(name) && !touchesDir(name, changed) {
			continue
		}
		one, before, err := s.subject(ctx, name, changed)
		if err != nil {
			return nil, err
		}
		found, read = found+len(one.Cases), read+before
		all = append(all, one)
	}
	switch {
	case found > 0:
		return s.test(ctx, all)
	case len(changed) > 0:
		return nil, nil
	case read > 0:
		return nil, diag.Invalidf("--case %q: no case has a matching name", s.Only)
	}
	cases := cmp.Or(s.Cases, extension.DefaultTests)
	if len(s.Names) == 1 && source.IsExtension(s.Names[0]) {
		cases = filepath.Join(s.Names[0], filepath.FromSlash(cases))
	}
	return nil, diag.WithHint(diag.Invalidf("no test cases found in %s", cases), fmt.Sprintf(`write one to %s: [[case]], name = "…"; see docs/guides/test.md`, filepath.Join(cases, "NAME.toml")))
}

// Package runs the cases of a package that a build has made. partial reports
// whether it has some of the extension's platforms only. It returns no results if
// no case is for them.
func (s *Suite) Package(ctx context.Context, e *plan.Extension, pkg *annotate.Package, partial bool) ([]exttest.Result, error) {
	one := fromPlan(e, pkg.Images, pkg.Layout.Dir())
	if _, err := s.addCases(one, e); err != nil {
		return nil, err
	}
	if len(one.Cases) == 0 {
		s.Log("%s has no test cases", e.Descriptor.Info)
		return nil, nil
	}
	one.Partial = partial
	results, err := s.test(ctx, []*exttest.Subject{one})
	if err == nil && len(results) == 0 {
		s.Log("%s has no test cases for its platforms", e.Descriptor.Info)
	}
	return results, err
}

// test runs the cases of packages.
func (s *Suite) test(ctx context.Context, all []*exttest.Subject) ([]exttest.Result, error) {
	return exttest.Run(ctx, exttest.Request{
		Subjects: all, With: s.With, Platforms: s.Platforms, Update: s.Update, Keep: s.Keep, Images: runimage.Registry(s.Client),
		Builder: s.Builder, Support: s.Support, Extension: s.beside, Local: s.local.Layout, Log: s.Log,
	})
}

// subject returns the package of a directory, or a published one, with the cases
// of --case that changed files touch, or all. It also returns how many cases there
// were before --case.
func (s *Suite) subject(ctx context.Context, name string, changed []string) (one *exttest.Subject, read int, err error) {
	if !source.IsExtension(name) {
		if one, err = s.open(ctx, name); err != nil {
			return nil, 0, err
		}
		one.Dir = "."
		one.Cases, err = extension.ReadTests(one.Dir, s.Cases, nil)
		return one, s.choose(one), err
	}
	one, e, err := s.build(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	read, err = s.addCases(one, e)
	if len(changed) > 0 {
		folder := cmp.Or(s.Cases, e.Descriptor.Metadata.Extpack.Test.Cases.Value, extension.DefaultTests)
		one.Cases = touched(one.Cases, e.Dir, folder, changed)
	}
	return one, read, err
}

// addCases reads the cases of a package, and returns how many there were before
// --case. It chooses the images of the flags before those of the descriptor.
func (s *Suite) addCases(one *exttest.Subject, e *plan.Extension) (read int, err error) {
	one.With = s.With.Or(e.Descriptor.Metadata.Extpack.Test)
	one.Cases, err = extension.ReadTests(e.Dir, s.Cases, e.Descriptor)
	return s.choose(one), err
}

// choose keeps the cases of --case, and returns how many there were.
func (s *Suite) choose(one *exttest.Subject) (read int) {
	read = len(one.Cases)
	one.Cases = slices.DeleteFunc(one.Cases, func(c extension.TestCase) bool { return !s.only.MatchString(c.Name) })
	return read
}

// open copies a published package.
func (s *Suite) open(ctx context.Context, name string) (*exttest.Subject, error) {
	src, err := source.Open(ctx, s.Client, name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return open(ctx, src, s.newDir())
}

func (s *Suite) newDir() string {
	s.dirs++
	return filepath.Join(s.Dir, strconv.Itoa(s.dirs))
}

// build packages the extension in a directory, without a builder if it needs
// none.
func (s *Suite) build(ctx context.Context, dir string) (*exttest.Subject, *plan.Extension, error) {
	p, err := s.Plan(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	if err := p.Missing(); err != nil {
		return nil, nil, err
	}
	if len(s.Platforms) > 0 {
		p.Extensions[0].KeepPlatforms(s.Platforms)
	}
	var engine pipeline.Engine = &embedded.Engine{}
	if p.NeedsBuild() {
		engine = s.Builder
	}
	made, err := pack(ctx, p, engine, s.newDir())
	if err != nil {
		return nil, nil, err
	}
	made[0].Partial = len(s.Platforms) > 0
	return made[0], p.Extensions[0], nil
}

// beside returns the extension in a directory that a test case names.
func (s *Suite) beside(ctx context.Context, dir string) (*exttest.Subject, error) {
	real, err := checkBeside(dir, s.Names)
	if err != nil {
		return nil, err
	}
	if one := s.made[real]; one != nil {
		return one, nil
	}
	one, _, err := s.build(ctx, real)
	if err == nil {
		s.made[real] = one
	}
	return one, err
}
