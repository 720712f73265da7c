package edit

import (
	"errors"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// PlatformChange is what is to change about a platform; nil leaves a part as it
// is, and "" takes it out.
type PlatformChange struct {
	OS, Architecture, Variant, OSVersion *string
	OSFeatures                           []string
}

// Relabel changes the platform an image is listed under; the image stays. A new
// architecture without a variant drops the old one's. It is a
// [*diag.InvalidError] when another image is in that slot, or when os or
// architecture are none that anybody knows.
func (x *Index) Relabel(c *Child, change PlatformChange) error {
	p := c.Platform()
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
			return diag.Invalidf("%s: os and architecture cannot be empty", c.Slot())
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
	if err := c.SetPlatform(p); err != nil {
		return err
	}
	return x.checkSlot(c)
}

// Describe changes the platform and the annotations of the image that selector
// names.
func (x *Index) Describe(selector string, change PlatformChange, annotations map[string]string) error {
	c, err := x.Select(selector)
	if absent := (*notListedError)(nil); errors.As(err, &absent) {
		if done := x.relabeled(selector, change); done != nil {
			c, err = done, nil
		}
	}
	if err != nil {
		return err
	}
	if err := c.Annotate(annotations); err != nil {
		return err
	}
	if change.isZero() {
		return x.checkSlot(c) // a distro is an annotation
	}
	return x.Relabel(c, change)
}

// relabeled returns the image that selector named before the change was made,
// nil if there is none: the change may have been made by an earlier attempt.
func (x *Index) relabeled(selector string, change PlatformChange) *Child {
	m := selectorPattern.FindStringSubmatch(selector)
	if m == nil || change.isZero() {
		return nil
	}
	probe, err := NewChild(v1.Descriptor{Platform: &v1.Platform{OS: m[1], Architecture: m[3], Variant: m[4], OSVersion: m[2]}})
	if err != nil || (&Index{}).Relabel(probe, change) != nil {
		return nil
	}
	want := probe.Slot()
	want.DistroName, want.DistroVersion = m[5], m[6]
	found := slices.DeleteFunc(x.Images(), func(c *Child) bool { return !c.Slot().matches(want) })
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

func (c PlatformChange) isZero() bool {
	return c.OS == nil && c.Architecture == nil && c.Variant == nil && c.OSVersion == nil && c.OSFeatures == nil
}

func parsePlatform(p v1.Platform) (v1.Platform, error) {
	name := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		name += "/" + p.Variant
	}
	return ParsePlatform(name)
}

// ParsePlatform reads os/arch[/variant], in containerd's normal form. What is
// not one is a [*diag.InvalidError] with the closest spelling.
func ParsePlatform(s string) (v1.Platform, error) {
	t, err := platform.ParseTarget(s)
	if err != nil {
		return v1.Platform{}, err
	}
	if len(t.Distros) > 0 {
		return v1.Platform{}, diag.Invalidf("platform %q: leave the distro out; it is an annotation (%s, %s)",
			s, extension.AnnotationDistroName, extension.AnnotationDistroVersion)
	}
	return platform.Of(t), nil
}

// checkSlot refuses an index in which an image hides another one.
func (x *Index) checkSlot(c *Child) error {
	for _, other := range x.Find(c.Slot()) {
		if other != c {
			return diag.Invalidf("%s is in the index twice: %s and %s", c.Slot(), c.desc.Digest, other.desc.Digest)
		}
	}
	return nil
}
