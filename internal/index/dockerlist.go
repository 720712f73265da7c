package index

import (
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// isDocker reports whether x is a Docker manifest list, whose format has no
// annotations: neither on the list nor on the entries of images. There,
// os.version distinguishes images, and the labels of their configs name the
// extension.
func (x *Index) isDocker() bool { return x.mediaType == oci.MediaTypeDockerIndex && !x.inFile }

// dropAnnotations removes the annotations that a manifest list cannot carry,
// except for those that it had when it was read. It returns a
// [*diag.InvalidError] for images that only their distro annotations
// distinguish.
func (x *Index) dropAnnotations() error {
	if err := x.drop(x.fields, x.had); err != nil {
		return err
	}
	seen := map[platform.Identity]platform.Identity{}
	for _, c := range x.Images() {
		was := c.Identity()
		if err := x.dropFrom(c); err != nil {
			return err
		}
		if other, ok := seen[c.Identity()]; ok && other != was {
			return diag.WithHint(diag.Invalidf("a Docker manifest list cannot distinguish %s from %s: it has no annotations, and their os.version is the same", was, other), "keep OCI media types")
		}
		seen[c.Identity()] = was
	}
	return nil
}

// dropFrom removes the annotations of an image's entry.
func (x *Index) dropFrom(e *Entry) error {
	if len(e.desc.Annotations) == 0 {
		return nil
	}
	return e.edit(func(fields *oci.Object) error { return x.drop(fields, e.had) })
}

// Fit removes from an entry what x cannot carry.
func (x *Index) Fit(e *Entry) error {
	if !x.isDocker() || e.Kind() != oci.KindImage {
		return nil
	}
	return x.dropFrom(e)
}

// drop removes annotations from an object, and notes their names.
func (x *Index) drop(fields *oci.Object, keep map[string]string) error {
	annotations := map[string]any{}
	if !fields.Has("annotations") || fields.Decode("annotations", &annotations) != nil {
		return nil
	}
	left := len(annotations)
	err := fields.Edit("annotations", func(o *oci.Object) error {
		for _, name := range sortedKeys(annotations) {
			if value, ok := keep[name]; ok && value == annotations[name] {
				continue
			}
			o.Delete(name)
			left--
			if !slices.Contains(x.dropped, name) {
				x.dropped = append(x.dropped, name)
			}
		}
		return nil
	})
	if left == 0 {
		fields.Delete("annotations")
	}
	return err
}

// asDocument returns x as it is written: in a file an OCI index, else also a
// Docker manifest list, without the annotations that it did not have when it was
// read.
func (x *Index) asDocument() (*Index, error) {
	out := x.Clone()
	switch {
	case x.isDocker():
		return out, out.dropAnnotations()
	case x.inFile && x.changed():
		out.mediaType = v1.MediaTypeImageIndex
		if x.mediaType != out.mediaType {
			return out, out.fields.Set("mediaType", out.mediaType)
		}
	}
	return out, nil
}

// Dropped returns the names of annotations that x lost because a Docker
// manifest list has none.
func (x *Index) Dropped() []string { return slices.Sorted(slices.Values(x.dropped)) }

// LeftOut is the note about annotations that a Docker manifest list lacks.
func LeftOut(names []string) string {
	return "a Docker manifest list has no annotations; left out: " + strings.Join(names, ", ")
}
