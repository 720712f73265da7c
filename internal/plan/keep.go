package plan

import (
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/platform"
)

// KeepPlatforms removes the images that are for none of the wanted platforms,
// unless no image would be left.
func (e *Extension) KeepPlatforms(wanted []v1.Platform) {
	kept := slices.DeleteFunc(slices.Clone(e.Images), func(i Image) bool {
		return !i.Any && !platform.IsZero(i.Platform) && !slices.ContainsFunc(wanted, func(w v1.Platform) bool { return platform.Equal(w, i.Platform) })
	})
	if len(kept) > 0 {
		e.Images = kept
	}
}
