package smoke

import (
	"fmt"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
)

// Check returns the full reference of the image of --smoke. It returns an error
// if programs of p cannot be run in it, which is known before the build.
func Check(p *plan.Plan, image string) (string, error) {
	ref, err := registry.ParseReference(image)
	if err != nil {
		return "", fmt.Errorf("--smoke: %w", err)
	}
	for _, e := range p.Extensions {
		for _, i := range e.Images {
			if !platform.IsZero(i.Platform) && i.Platform.OS != "linux" {
				return "", diag.WithHint(diag.Invalidf("--smoke: %s: builders cannot run programs for %s", e.Descriptor.Info, i), "choose targets for linux with --target")
			}
		}
	}
	return ref.String(), nil
}
