package cliplugin

import (
	"context"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/rules"
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
	on := map[diag.Diagnostic][]string{}
	for _, f := range checked.Findings {
		if rules.ByID(f.ID) == nil && f.Severity != verify.Error {
			continue
		}
		d := diag.Diagnostic{
			Position: diag.Position{File: f.Subject, Line: f.Line, Column: f.Column}, Severity: severities[f.Severity], Rule: f.ID, Message: f.Message,
		}
		if rules.ByID(f.ID) == nil {
			d.Hint = f.Hint
		}
		if on[d] == nil {
			r.Findings = append(r.Findings, d)
		}
		on[d] = append(on[d], f.Platform)
	}
	for i, d := range r.Findings {
		if platforms := on[d]; len(platforms) < len(r.Platforms) && platforms[0] != "" {
			r.Findings[i].Message += " (" + strings.Join(platforms, ", ") + ")"
		}
	}
	if online {
		err = lint.OnlinePackage(ctx, client, src, src.Root, r)
	}
	return r, err
}

var severities = map[verify.Severity]diag.Severity{verify.Error: diag.Error, verify.Warning: diag.Warning, verify.Note: diag.Note}
