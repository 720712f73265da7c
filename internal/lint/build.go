package lint

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/rules"
)

// BuildOptions are what a build permits.
type BuildOptions struct {
	// AllowSecrets disables the warnings about secrets and large files.
	AllowSecrets bool
	// AllowMismatch permits programs for another platform.
	AllowMismatch bool
}

// Build checks what the extensions of a plan will hold. It returns the extensions
// without an error, and the findings that matter to a build: errors, and warnings
// about secrets, large files and what does nothing. Each names its rule and has a hint.
func Build(ctx context.Context, p *plan.Plan, opts BuildOptions) (clean []*plan.Extension, found diag.List, err error) {
	lists := make([]diag.List, len(p.Extensions))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, e := range p.Extensions {
		group.Go(func() (err error) {
			lists[i], err = Plan(ctx, e, opts.AllowSecrets)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	var before []*extension.Descriptor
	for i, e := range p.Extensions {
		list := lists[i]
		if d := SameButCase(before, e.Descriptor); d != nil {
			list = append(list, e.Descriptor.Metadata.Extpack.Lint.Filter(e.Dir, diag.List{*d}, nil)...)
		}
		before = append(before, e.Descriptor)
		failed := false
		for _, d := range list {
			if !opts.reports(d) {
				continue
			}
			failed = failed || d.Severity == diag.Error
			d.Message += " [" + d.Rule + "]"
			d.Hint = rules.FixOf(d)
			found = append(found, d)
		}
		if !failed {
			clean = append(clean, e)
		}
	}
	return clean, found, nil
}

// reports reports whether a finding matters to a build.
func (o BuildOptions) reports(d diag.Diagnostic) bool {
	switch d.Rule {
	case rules.BinaryPlatform.ID, rules.BinaryVariant.ID:
		return !o.AllowMismatch && d.Severity == diag.Error
	case rules.Secret.ID, rules.VersionControl.ID, rules.LargeFile.ID, rules.EntryPointMissing.ID:
		return true
	}
	return d.Severity == diag.Error
}
