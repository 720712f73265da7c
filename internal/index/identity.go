package index

import (
	"fmt"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// Identity returns the identity of the entry, based on [Entry.Platform].
func (e *Entry) Identity() platform.Identity {
	return platform.IdentityOf(e.Platform(), e.desc.Annotations)
}

// Find returns the images with an identity. There should be at most one.
func (x *Index) Find(id platform.Identity) []*Entry {
	return slices.DeleteFunc(x.Images(), func(c *Entry) bool { return c.Identity() != id })
}

// DuplicateError is returned for an image whose identity already exists in the
// index.
type DuplicateError struct {
	Identity platform.Identity
	By       v1.Descriptor
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s is already in the index, as %s", e.Identity, e.By.Digest)
}

// Add adds an image, which must have a platform, with its attestations. If
// replace is set, it replaces an image with the same identity in place.
// Otherwise it returns a [*DuplicateError], unless the image is the same.
func (x *Index) Add(image *Entry, attestations []*Entry, replace bool) error {
	image = image.Clone()
	if err := x.Fit(image); err != nil {
		return err
	}
	present := x.Find(image.Identity())
	if len(present) == 1 && present[0].desc.Digest == image.desc.Digest {
		x.addMissing(attestations)
		return nil
	}
	if len(present) > 0 && !replace {
		return &DuplicateError{Identity: image.Identity(), By: present[0].desc}
	}
	if len(present) == 0 {
		x.Append(image)
	} else {
		x.entries = slices.Insert(x.entries, slices.Index(x.entries, present[0]), image)
	}
	for _, old := range present {
		x.Remove(old)
	}
	x.addMissing(attestations)
	return nil
}

// MoveBefore moves the image with an identity before the first image of a
// higher rank.
func (x *Index) MoveBefore(s platform.Identity, rank func(platform.Identity) int) {
	own := slices.IndexFunc(x.entries, func(c *Entry) bool { return c.Kind() == oci.KindImage && c.Identity() == s })
	higher := slices.IndexFunc(x.entries, func(c *Entry) bool { return c.Kind() == oci.KindImage && rank(c.Identity()) > rank(s) })
	if higher < 0 || own < higher {
		return
	}
	image := x.entries[own]
	x.entries = slices.Insert(slices.Delete(x.entries, own, own+1), higher, image)
}

func (x *Index) addMissing(entries []*Entry) {
	for _, c := range entries {
		if !x.lists(c.desc, nil) {
			x.Append(c.Clone())
		}
	}
}
