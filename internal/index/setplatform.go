package index

import (
	"errors"
	"fmt"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// PlatformChange is a change of a platform: nil keeps a part, and "" removes
// it.
type PlatformChange struct {
	OS, Architecture, Variant, OSVersion *string
	OSFeatures                           []string
}

// SetPlatform changes the platform of an entry, but not the image. A new
// architecture without a variant removes the old variant. It returns a
// [*diag.InvalidError] if another image has that identity, or if os or
// architecture are unknown.
func (x *Index) SetPlatform(e *Entry, change PlatformChange) error {
	p := e.Platform()
	if change.OS != nil {
		p.OS = *change.OS
	}
	if change.Architecture != nil && *change.Architecture != p.Architecture {
		p.Architecture, p.Variant = *change.Architecture, ""
	}
	if change.Variant != nil {
		p.Variant = *change.Variant
	}
	if change.OS != nil || change.Architecture != nil || change.Variant != nil {
		if p.OS == "" || p.Architecture == "" {
			return diag.Invalidf("%s: os and architecture cannot be empty", e.Identity())
		}
		known, err := parsePlatform(p)
		if err != nil {
			return err
		}
		p.OS, p.Architecture, p.Variant = known.OS, known.Architecture, known.Variant
	}
	if change.OSVersion != nil {
		p.OSVersion = *change.OSVersion
	}
	if change.OSFeatures != nil {
		p.OSFeatures = change.OSFeatures
	}
	if err := e.SetPlatform(p); err != nil {
		return err
	}
	return x.checkUnique(e)
}

// AnnotateEntry changes the platform and annotations of the selected image. It
// returns a note if the variant of the change is left out because it is the
// default of the architecture.
func (x *Index) AnnotateEntry(selector string, change PlatformChange, annotations map[string]string) (note string, err error) {
	c, err := x.Select(selector)
	if absent := (*notListedError)(nil); errors.As(err, &absent) {
		if done := x.relabeled(selector, change); done != nil {
			c, err = done, nil
		}
	}
	if err != nil {
		return "", err
	}
	if err := c.Annotate(annotations); err != nil {
		return "", err
	}
	if change.isZero() {
		return "", x.checkUnique(c) // a distro is an annotation
	}
	if err := x.SetPlatform(c, change); err != nil {
		return "", err
	}
	if p := c.Platform(); p.Variant == "" && change.Variant != nil && *change.Variant != "" {
		note = fmt.Sprintf("%s is the default variant of %s, so it is left out", *change.Variant, p.Architecture)
	}
	return note, nil
}

// relabeled returns the image that selector matched before the change, or nil,
// because an earlier attempt may have made the change.
func (x *Index) relabeled(selector string, change PlatformChange) *Entry {
	named, err := platform.ParseIdentity(selector)
	if err != nil || change.isZero() {
		return nil
	}
	p := named.Platform()
	probe, err := NewEntry(v1.Descriptor{Platform: &p})
	if err != nil || (&Index{}).SetPlatform(probe, change) != nil {
		return nil
	}
	want := probe.Identity()
	want.Distro = named.Distro
	found := slices.DeleteFunc(x.Images(), func(c *Entry) bool { return !c.Identity().Matches(want) })
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

func (c PlatformChange) isZero() bool {
	return c.OS == nil && c.Architecture == nil && c.Variant == nil && c.OSVersion == nil && c.OSFeatures == nil
}

// parsePlatform returns a normalized platform. It returns a
// [*diag.InvalidError] with the closest spelling for unknown parts.
func parsePlatform(p v1.Platform) (v1.Platform, error) {
	name := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		name += "/" + p.Variant
	}
	t, err := platform.ParseTarget(name)
	if err != nil {
		return v1.Platform{}, err
	}
	if len(t.Distros) > 0 {
		return v1.Platform{}, diag.Invalidf("platform %q: leave out the distro, which is an annotation (%s, %s)",
			name, extension.AnnotationDistroName, extension.AnnotationDistroVersion)
	}
	return platform.Of(t), nil
}

// checkUnique returns an error for two images with the same identity.
func (x *Index) checkUnique(e *Entry) error {
	for _, other := range x.Find(e.Identity()) {
		if other != e {
			return diag.Invalidf("%s is in the index twice: %s and %s", e.Identity(), e.desc.Digest, other.desc.Digest)
		}
	}
	return nil
}
