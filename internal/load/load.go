// Package load makes the plan of extensions that may be on this machine, in Git
// repositories or in archives: it fetches them, plans their packages, and checks
// their files before anything is built.
package load

import (
	"context"
	"errors"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/remote"
)

// Request is what to plan.
type Request struct {
	// Dirs are directories and URLs of extensions. Sources fetches the URLs, and
	// has their names for messages.
	Dirs    []string
	Sources *remote.Sources
	// Options are those of the plan. With KeepGoing, extensions that are invalid
	// are left out.
	Options plan.Options
	// Lint are the options of the check of files.
	Lint lint.BuildOptions
	// Warn is called with findings that are no errors.
	Warn func(list diag.List)
}

// Plan returns the plan, and what was found in the extensions that it leaves out.
func Plan(ctx context.Context, r Request) (p *plan.Plan, leftOut, err error) {
	local, err := r.Sources.Fetch(ctx, r.Dirs)
	if err != nil {
		return nil, nil, err
	}
	p, warnings, err := plan.New(ctx, local, r.Options)
	r.Sources.Rename(warnings)
	r.Warn(warnings)
	if err != nil {
		err = r.Sources.Explain(err)
	}
	if p == nil {
		return nil, nil, err
	}
	found, lintErr := r.lint(ctx, p)
	if lintErr != nil {
		return nil, nil, lintErr
	}
	err = errors.Join(err, found)
	if err != nil && (!r.Options.KeepGoing || len(p.Extensions) == 0) {
		return nil, nil, err
	}
	return p, err, nil
}

// lint checks the files of a plan. It returns the findings that are errors, and
// removes the extensions that have some from the plan.
func (r Request) lint(ctx context.Context, p *plan.Plan) (found, err error) {
	clean, list, err := lint.Build(ctx, p, r.Lint)
	if err != nil {
		return nil, err
	}
	r.Sources.Rename(list)
	var warnings diag.List
	for _, d := range list {
		if d.Severity != diag.Error {
			warnings = append(warnings, d)
		}
	}
	r.Warn(warnings)
	p.Extensions = clean
	return list.Err(), nil
}
