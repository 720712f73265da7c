package pipeline

import (
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// CheckIndex refuses what needs an index for packages that are one image for any
// platform.
func CheckIndex(p *plan.Plan, appends, attested bool) error {
	for _, e := range p.Extensions {
		switch {
		case !e.AnyPlatform():
		case appends:
			return diag.WithHint(diag.Invalidf("--append requires an index, and %s becomes one image for any platform", e.Descriptor.Info), plan.NamePlatforms)
		case attested:
			return diag.WithHint(diag.Invalidf("attestations require an index, and %s becomes one image for any platform", e.Descriptor.Info), plan.NamePlatforms)
		}
	}
	return nil
}

// CheckSingle refuses packages of several images, which cannot be published
// without an index.
func CheckSingle(p *plan.Plan) error {
	for _, e := range p.Extensions {
		if len(e.Images) > 1 {
			return diag.WithHint(diag.Invalidf("--single: %s has %d images, which require an index", e.Descriptor.Info, len(e.Images)), "choose one with --target")
		}
	}
	return nil
}
