package bake

import (
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// Target is a bake target and what it builds.
type Target struct {
	Name      string
	Extension *plan.Extension
	// Images are indices into Extension.Images. One bake target builds a
	// platform once, so an image whose platform stands in the plan several
	// times, for different distros, has a target of its own.
	Images []int
}

// Targets gives the bake targets that together build the plan, extension by
// extension. Two names that meet are a [*diag.InvalidError]: bake would merge
// the targets without a word.
func Targets(p *plan.Plan) ([]Target, error) {
	var targets []Target
	owners := map[string]*plan.Extension{"default": nil}
	var list diag.List
	for _, e := range p.Extensions {
		own := extensionTargets(e)
		targets = append(targets, own...)
		for _, name := range names(e, own) {
			if other, taken := owners[name]; taken && other != e {
				list.Errorf(diag.Position{File: e.Descriptor.File}, "the bake target %q of %s is also one of %s; build them in separate runs",
					name, e.Descriptor.Info.ID, other.Descriptor.Info.ID)
			}
			owners[name] = e
		}
	}
	return targets, list.Err()
}

func extensionTargets(e *plan.Extension) []Target {
	shared := Target{Name: e.Slug, Extension: e}
	var own []Target
	for i, image := range e.Images {
		if count(e, image) == 1 {
			shared.Images = append(shared.Images, i)
			continue
		}
		own = append(own, Target{Name: distroName(e, image), Extension: e, Images: []int{i}})
	}
	if len(shared.Images) == 0 {
		return own
	}
	return append([]Target{shared}, own...)
}

// names gives every name the extension takes in the file.
func names(e *plan.Extension, targets []Target) []string {
	all := []string{e.Slug, e.Slug + platformSuffix}
	for _, t := range targets {
		all = append(all, t.Name)
	}
	for _, image := range e.Images {
		if !platform.IsZero(image.Platform) {
			all = append(all, platformName(e, image))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func count(e *plan.Extension, image plan.Image) int {
	n := 0
	for _, other := range e.Images {
		if platform.Equal(other.Platform, image.Platform) {
			n++
		}
	}
	return n
}

const platformSuffix = "-platform"

// platformName is what buildx's replace(platform, "/", "-") gives in the
// matrix target.
func platformName(e *plan.Extension, image plan.Image) string {
	return e.Slug + "-" + strings.ReplaceAll(platform.Format(image.Platform), "/", "-")
}

func distroName(e *plan.Extension, image plan.Image) string {
	return platformName(e, image) + "-" + identifier(image.Distros[0].String())
}

// identifier makes a name that bake and HCL accept of text that may hold more.
func identifier(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}
