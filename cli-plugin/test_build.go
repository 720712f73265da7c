package cliplugin

import (
	"context"
	"sync"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/suite"
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

// testCases returns the function that runs the cases of a package, or nil.
func (o *buildOptions) testCases(a *app, dir string) func(context.Context, *plan.Extension, *annotate.Package) error {
	if !o.test {
		return nil
	}
	opts := &testOptions{
		names: o.dirs, images: exttest.With{BuilderImage: o.builderImage}, builder: o.Builder, noCache: o.NoCache, insecure: o.insecure, quiet: o.quiet,
		stage: o.stage, grants: o.grants,
	}
	find := sync.OnceValues(func() (*suite.Suite, error) { return opts.suite(a, dir, logTo(o.bars, o.quiet)) })
	var one sync.Mutex // keeps the output of one extension together
	return func(ctx context.Context, e *plan.Extension, pkg *annotate.Package) error {
		one.Lock()
		defer one.Unlock()
		cases, err := find()
		if err != nil {
			return err
		}
		results, err := cases.Package(ctx, e, pkg, len(o.targets) > 0)
		if err != nil || len(results) == 0 {
			return err
		}
		if err := printTestText(o.bars, results, o.quiet); err != nil {
			return err
		}
		return exttest.Verdict(results, false)
	}
}
