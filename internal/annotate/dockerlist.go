package annotate

import (
	"maps"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/platform"
)

// leaveOut returns the index without annotations, as a Docker manifest list has
// none, and records which they were. It returns a [*diag.InvalidError] for
// images that only annotations distinguish.
func (d *Description) leaveOut() (v1.Index, error) {
	index := d.Index
	names := slices.Collect(maps.Keys(index.Annotations))
	index.Annotations, index.Manifests = nil, slices.Clone(index.Manifests)
	seen := map[platform.Identity]platform.Identity{}
	for i, desc := range index.Manifests {
		names = slices.AppendSeq(names, maps.Keys(desc.Annotations))
		index.Manifests[i].Annotations = nil
		if desc.Platform == nil {
			continue
		}
		bare, full := platform.IdentityOf(*desc.Platform, nil), platform.IdentityOf(*desc.Platform, desc.Annotations)
		if other, ok := seen[bare]; ok {
			return index, diag.WithHint(diag.Invalidf("a Docker manifest list cannot distinguish %s from %s: it has no annotations, and their os.version is the same", full, other), "leave out --media-types, or build one of them only, with --target")
		}
		seen[bare] = full
	}
	slices.Sort(names)
	d.LeftOut = slices.Compact(names)
	return index, nil
}
