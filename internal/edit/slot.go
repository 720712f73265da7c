package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// Slot is the place of an image in an index: what a reader chooses by. Two
// images of one index in the same slot hide one another.
type Slot struct {
	OS, Architecture, Variant, OSVersion string
	DistroName, DistroVersion            string
}

// slotOf gives the slot of an entry with a platform. Variants are normalised:
// arm64/v8 is arm64, arm is arm/v7.
func slotOf(p v1.Platform, annotations map[string]string) Slot {
	if p.OS == "" && p.Architecture == "" {
		return Slot{}
	}
	n := platforms.Normalize(v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant})
	return Slot{
		OS: n.OS, Architecture: n.Architecture, Variant: n.Variant, OSVersion: p.OSVersion,
		DistroName:    annotations[extension.AnnotationDistroName],
		DistroVersion: annotations[extension.AnnotationDistroVersion],
	}
}

// Slot is the slot of the entry, by the platform that [Child.Platform] gives.
func (c *Child) Slot() Slot { return slotOf(c.Platform(), c.desc.Annotations) }

// String gives "os[(os.version)]/arch[/variant][:distro@version]".
func (s Slot) String() string {
	if s == (Slot{}) {
		return "no platform"
	}
	os, rest, _ := strings.Cut(platform.Format(v1.Platform{OS: s.OS, Architecture: s.Architecture, Variant: s.Variant}), "/")
	if s.OSVersion != "" {
		os += "(" + s.OSVersion + ")"
	}
	name := os + "/" + rest
	if s.DistroName != "" {
		name += ":" + s.DistroName + "@" + s.DistroVersion
	}
	return name
}

// Find gives the images in a slot, of which there should be one at most.
func (x *Index) Find(s Slot) []*Child {
	return slices.DeleteFunc(x.Images(), func(c *Child) bool { return c.Slot() != s })
}

// TakenError is an image whose slot in an index is taken by another one.
type TakenError struct {
	Slot Slot
	By   v1.Descriptor
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s is in the index already, as %s", e.Slot, e.By.Digest)
}

// Join adds an image, which must have a platform, with its attestations. An
// image in its slot is replaced, in its place, with replace, and else a
// [*TakenError]; the very same image is left as it is.
func (x *Index) Join(image *Child, attestations []*Child, replace bool) error {
	taken := x.Find(image.Slot())
	if len(taken) == 1 && taken[0].desc.Digest == image.desc.Digest {
		x.addMissing(attestations)
		return nil
	}
	if len(taken) > 0 && !replace {
		return &TakenError{Slot: image.Slot(), By: taken[0].desc}
	}
	image = image.Clone()
	if len(taken) == 0 {
		x.Append(image)
	} else {
		x.children = slices.Insert(x.children, slices.Index(x.children, taken[0]), image)
	}
	for _, old := range taken {
		x.Remove(old)
	}
	x.addMissing(attestations)
	return nil
}

// Advance moves the image in a slot in front of the first image of a higher
// rank; the others stay as they are.
func (x *Index) Advance(s Slot, rank func(Slot) int) {
	own := slices.IndexFunc(x.children, func(c *Child) bool { return c.Kind() == oci.KindImage && c.Slot() == s })
	higher := slices.IndexFunc(x.children, func(c *Child) bool { return c.Kind() == oci.KindImage && rank(c.Slot()) > rank(s) })
	if higher < 0 || own < higher {
		return
	}
	image := x.children[own]
	x.children = slices.Insert(slices.Delete(x.children, own, own+1), higher, image)
}

func (x *Index) addMissing(children []*Child) {
	for _, c := range children {
		if !x.lists(c.desc, nil) {
			x.Append(c.Clone())
		}
	}
}
