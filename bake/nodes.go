package bake

import "github.com/extpack/extpack/internal/platform"

// spread gives each platform its own target where the builder has several
// nodes. buildx sends a platform to the node that has it, but refuses to export
// a layout for a target that needs two ("oci for multi-node builds currently
// not supported", buildx build/build.go, prepareMultiDriverExports). The
// targets of one platform are in the file in any case.
func (e *Engine) spread(targets []Target) (all []Target, differ bool) {
	several := false
	for _, t := range targets {
		several = several || len(t.Images) > 1 && !e.once(t)
	}
	if !several || !e.HasNodes(e.Options.Builder) {
		return targets, false
	}
	for _, t := range targets {
		if e.once(t) {
			all = append(all, t)
			continue
		}
		all = append(all, t.each()...)
	}
	return all, true
}

// each gives a target for each image of t, the ones that build one platform.
func (t Target) each() []Target {
	var all []Target
	for _, i := range t.Images {
		one := Target{Name: t.Name, Extension: t.Extension, Images: []int{i}}
		if image := t.Extension.Images[i]; t.shared() && !platform.IsZero(image.Platform) {
			one.Name = platformName(t.Extension, image)
		}
		all = append(all, one)
	}
	return all
}
