package bake

import "github.com/extpack/extpack/internal/platform"

// splitByNode returns a target for each platform if the builder has several
// nodes. buildx builds a platform on the node that supports it, but cannot
// export a layout for a target that requires two nodes ("oci for multi-node
// builds currently not supported", buildx build/build.go,
// prepareMultiDriverExports). The file always contains the targets for a single
// platform.
func (e *Engine) splitByNode(targets []Target) (all []Target, split bool) {
	several := false
	for _, t := range targets {
		several = several || len(t.Images) > 1 && !e.sharesLayer(t)
	}
	if !several || !e.HasNodes(e.Options.Builder) {
		return targets, false
	}
	for _, t := range targets {
		if e.sharesLayer(t) {
			all = append(all, t)
			continue
		}
		all = append(all, t.perPlatform()...)
	}
	return all, true
}

// perPlatform returns the targets for a single platform, one for each image of
// t.
func (t Target) perPlatform() []Target {
	var all []Target
	for _, i := range t.Images {
		one := Target{Name: t.Name, Extension: t.Extension, Images: []int{i}, distro: t.distro}
		if image := t.Extension.Images[i]; t.shared() && !platform.IsZero(image.Platform) {
			one.Name = platformName(t.Extension, image)
		}
		all = append(all, one)
	}
	return all
}
