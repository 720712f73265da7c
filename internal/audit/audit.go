// Package audit checks extensions by the rules, in directories and in packages,
// and repairs those in directories.
package audit

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// Request is what to check.
type Request struct {
	// Names are directories of extensions, or packages in the form of package
	// source.
	Names []string
	// Version replaces that of the descriptors, unless it is "".
	Version string
	// Online adds what only registries know.
	Online bool
	// Changed is called with the diff of what was repaired. If it is nil, nothing
	// is.
	Changed func(diff string)
	Client  *registry.Client
}

// Run checks everything, and repairs it if requested. The findings are those that
// are left.
func Run(ctx context.Context, r Request) ([]*lint.Report, error) {
	reports, err := r.checkAll(ctx)
	if err == nil && r.Changed != nil {
		err = r.fix(ctx, reports)
	}
	if err != nil {
		return nil, err
	}
	lint.Together(reports)
	return reports, nil
}

// checkAll checks all names concurrently.
func (r Request) checkAll(ctx context.Context) ([]*lint.Report, error) {
	reports := make([]*lint.Report, len(r.Names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range r.Names {
		group.Go(func() (err error) {
			reports[i], err = r.check(ctx, name)
			return err
		})
	}
	return reports, group.Wait()
}

func (r Request) check(ctx context.Context, name string) (*lint.Report, error) {
	if !source.IsExtension(name) {
		return r.checkPackage(ctx, name)
	}
	report, err := lint.Dir(ctx, name, r.Version)
	if err == nil && r.Online {
		err = lint.Online(ctx, r.Client, report)
	}
	return report, err
}

// fix repairs directories and checks them again.
func (r Request) fix(ctx context.Context, reports []*lint.Report) error {
	for i, report := range reports {
		if !source.IsExtension(report.Name) {
			continue
		}
		diff, err := lint.Fix(report.Findings)
		r.Changed(diff)
		if err != nil {
			return err
		}
		if diff == "" {
			continue
		}
		if reports[i], err = r.check(ctx, report.Name); err != nil {
			return err
		}
	}
	return nil
}
