package audit

import (
	"context"

	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/verify"
)

// checkPackage checks the extension in each image of a package. It returns the
// findings of verify about its files, and all errors.
func (r Request) checkPackage(ctx context.Context, name string) (*lint.Report, error) {
	src, err := source.Open(ctx, r.Client, name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	src.Prefetch(ctx, true, false)
	checked, err := verify.Package(ctx, src, src.Name, src.Root, verify.Options{Advice: true})
	if err != nil {
		return nil, err
	}
	report := &lint.Report{Name: src.Name, Extension: checked.Descriptor, Package: true}
	for _, p := range checked.Platforms {
		report.Platforms = append(report.Platforms, p.Platform)
	}
	report.Findings = checked.Diagnostics()
	if r.Online {
		err = lint.OnlinePackage(ctx, r.Client, src, src.Root, report)
	}
	return report, err
}
