package doctor

import (
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
)

// Require returns what building e requires. asked are the platforms that the
// builder has to build.
func Require(e *plan.Extension, asked []v1.Platform) (Extension, error) {
	x := Extension{Name: e.Descriptor.Info.String(), Compiles: e.NeedsBuild(), Copied: e.CopiesDir(), Asked: asked}
	pulls := func(host string) {
		if host != "" && !slices.Contains(x.Pulls, host) {
			x.Pulls = append(x.Pulls, host)
		}
	}
	for _, image := range e.Images {
		x.Platforms = append(x.Platforms, image.Platform)
		for _, f := range image.Files {
			x.Size += f.Size
		}
		if !image.NeedsBuild() {
			continue
		}
		needs, err := e.BuildNeeds(image)
		if err != nil {
			return x, err
		}
		x.Runs = append(x.Runs, needs.Platforms...)
		for _, ref := range needs.Images {
			pulls(ImageHost(ref))
		}
		for _, name := range needs.Contexts {
			if ref, ok := strings.CutPrefix(e.Build.Contexts[name], "docker-image://"); ok {
				pulls(ImageHost(ref))
			}
		}
	}
	for _, cache := range slices.Concat(e.CacheFrom, e.CacheTo) {
		if cache.Get("type") == "registry" {
			pulls(ImageHost(cache.Get("ref")))
		}
	}
	for _, tag := range e.Tags {
		ref, err := registry.ParseTag(tag)
		if err != nil {
			return x, err
		}
		x.Tags = append(x.Tags, ref)
	}
	return x, nil
}
