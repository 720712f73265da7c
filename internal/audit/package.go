package cliplugin

import (
	"context"

	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/verify"
)

// lintPackage checks the extension in each image of a package. It returns the
// findings of verify about its files, and all errors. online adds what only
// registries know.
func lintPackage(ctx context.Context, client *registry.Client, name string, online bool) (*lint.Report, error) {
	src, err := source.Open(ctx, client, name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	src.Prefetch(ctx, true, false)
	checked, err := verify.Package(ctx, src, src.Name, src.Root, verify.Options{Advice: true})
	if err != nil {
		return nil, err
	}
	r := &lint.Report{Name: src.Name, Extension: checked.Descriptor, Package: true}
	for _, p := range checked.Platforms {
		r.Platforms = append(r.Platforms, p.Platform)
	}
	r.Findings = checked.Diagnostics()
	if online {
		err = lint.OnlinePackage(ctx, client, src, src.Root, r)
	}
	return r, err
}
