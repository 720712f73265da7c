package edit

import (
	"fmt"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// Identity returns the identity of the entry, by the platform that
// [Child.Platform] returns.
func (c *Child) Identity() platform.Identity {
	return platform.IdentityOf(c.Platform(), c.desc.Annotations)
}

// Find returns the images of an identity, of which there should be one at most.
func (x *Index) Find(id platform.Identity) []*Child {
	return slices.DeleteFunc(x.Images(), func(c *Child) bool { return c.Identity() != id })
}

// TakenError is an image whose slot in an index is taken by another one.
type TakenError struct {
	Identity platform.Identity
	By       v1.Descriptor
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s is in the index already, as %s", e.Identity, e.By.Digest)
}

// Join adds an image, which must have a platform, with its attestations. An
// image in its slot is replaced, in its place, with replace, and else a
// [*TakenError]; the very same image is left as it is.
func (x *Index) Join(image *Child, attestations []*Child, replace bool) error {
	image = image.Clone()
	if err := x.Fit(image); err != nil {
		return err
	}
	taken := x.Find(image.Identity())
	if len(taken) == 1 && taken[0].desc.Digest == image.desc.Digest {
		x.addMissing(attestations)
		return nil
	}
	if len(taken) > 0 && !replace {
		return &TakenError{Identity: image.Identity(), By: taken[0].desc}
	}
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
func (x *Index) Advance(s platform.Identity, rank func(platform.Identity) int) {
	own := slices.IndexFunc(x.children, func(c *Child) bool { return c.Kind() == oci.KindImage && c.Identity() == s })
	higher := slices.IndexFunc(x.children, func(c *Child) bool { return c.Kind() == oci.KindImage && rank(c.Identity()) > rank(s) })
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
