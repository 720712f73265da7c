package cliplugin

import (
	"context"
	"sync"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/plan"
)

// tries describes what is run before a package is published.
func (o *buildOptions) tries() []string {
	var all []string
	if o.smoke != "" {
		all = append(all, "run bin/detect and bin/generate of each in "+o.smoke)
	}
	if o.test {
		all = append(all, "run the test cases")
	}
	return all
}

// tryAll returns the function that tries a package before it is published, or nil
// if that was not requested: --smoke, then --test. dir is for packages of other
// extensions.
func (o *buildOptions) tryAll(a *app, dir string) func(context.Context, *plan.Extension, *annotate.Package) error {
	smoke, test := o.try(a), o.testCases(a, dir)
	switch {
	case smoke == nil:
		return test
	case test == nil:
		return smoke
	}
	return func(ctx context.Context, e *plan.Extension, pkg *annotate.Package) error {
		if err := smoke(ctx, e, pkg); err != nil {
			return err
		}
		return test(ctx, e, pkg)
	}
}

// testCases returns the function that runs the cases of a package.
func (o *buildOptions) testCases(a *app, dir string) func(context.Context, *plan.Extension, *annotate.Package) error {
	if !o.test {
		return nil
	}
	opts := &testOptions{
		names: o.dirs, images: exttest.With{BuilderImage: o.builderImage}, builder: o.Builder, noCache: o.NoCache, insecure: o.insecure, quiet: o.quiet,
		stage: o.stage, grants: o.grants,
	}
	find := sync.OnceValues(func() (*tester, error) {
		t, err := newTester(a, opts, dir)
		if err == nil {
			t.log = logTo(o.bars, o.quiet)
		}
		return t, err
	})
	var one sync.Mutex // keeps the output of one extension together
	return func(ctx context.Context, e *plan.Extension, pkg *annotate.Package) error {
		one.Lock()
		defer one.Unlock()
		t, err := find()
		if err != nil {
			return err
		}
		s := exttest.FromPlan(e, pkg.Images, pkg.Layout.Dir())
		if _, err := t.addCases(s, e); err != nil {
			return err
		}
		if len(s.Cases) == 0 {
			t.log("%s has no test cases", e.Descriptor.Info)
			return nil
		}
		s.Partial = len(o.targets) > 0
		results, err := t.test(ctx, []*exttest.Subject{s})
		if err != nil {
			return err
		}
		if len(results) == 0 {
			t.log("%s has no test cases for its platforms", e.Descriptor.Info)
			return nil
		}
		if err := printTestText(o.bars, results, o.quiet); err != nil {
			return err
		}
		return exttest.Verdict(results, false)
	}
}
