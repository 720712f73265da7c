package edit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// Child is an entry of an index: a descriptor with all its fields. An index may
// list the same digest several times, so a child is known by its pointer.
type Child struct {
	fields *oci.Object
	desc   v1.Descriptor
	// found is the platform of an image whose descriptor has none, and artifact
	// that it is no image after all; see [Index.Resolve].
	found    *v1.Platform
	artifact bool
	// any says that the image is for any platform.
	any bool
}

// NewChild makes an entry to be joined to an index.
func NewChild(desc v1.Descriptor) (*Child, error) {
	raw, err := oci.EncodeJSON(desc)
	if err != nil {
		return nil, fmt.Errorf("encoding descriptor: %w", err)
	}
	return parseChild(raw)
}

func parseChild(raw []byte) (*Child, error) {
	fields, err := oci.ParseObject(raw)
	if err != nil {
		return nil, err
	}
	c := &Child{fields: fields}
	return c, c.parse()
}

// parse brings the descriptor up to the fields.
func (c *Child) parse() error {
	raw, err := c.fields.Bytes()
	if err != nil {
		return err
	}
	c.desc = v1.Descriptor{}
	return json.Unmarshal(raw, &c.desc)
}

// edit changes fields, or on failure nothing.
func (c *Child) edit(f func(*oci.Object) error) error {
	changed := c.Clone()
	if err := f(changed.fields); err != nil {
		return err
	}
	if err := changed.parse(); err != nil {
		return err
	}
	*c = *changed
	return nil
}

// Clone gives a copy, for another index.
func (c *Child) Clone() *Child {
	clone := *c
	clone.fields = c.fields.Clone()
	return &clone
}

// Descriptor gives what is known of the entry.
func (c *Child) Descriptor() v1.Descriptor {
	desc := c.desc
	desc.Annotations = maps.Clone(desc.Annotations)
	if desc.Platform != nil {
		p := *desc.Platform
		p.OSFeatures = slices.Clone(p.OSFeatures)
		desc.Platform = &p
	}
	return desc
}

// Kind tells what the entry stands for.
func (c *Child) Kind() oci.Kind {
	if c.artifact {
		return oci.KindOther
	}
	return oci.KindOf(c.desc)
}

// attests reports whether the entry is an attestation of an image.
func (c *Child) attests(image v1.Descriptor) bool {
	return c.Kind() == oci.KindAttestation &&
		c.desc.Annotations[oci.AnnotationReferenceDigest] == image.Digest.String()
}

// SetPlatform sets os, architecture, variant, os.version and os.features; what
// is empty is taken out. Other fields of the platform stay.
func (c *Child) SetPlatform(p v1.Platform) error {
	return c.edit(func(fields *oci.Object) error {
		return fields.Edit("platform", func(o *oci.Object) error {
			for _, f := range [][2]string{
				{"architecture", p.Architecture}, {"os", p.OS}, {"os.version", p.OSVersion}, {"variant", p.Variant},
			} {
				if err := o.SetText(f[0], f[1]); err != nil {
					return err
				}
			}
			if len(p.OSFeatures) > 0 {
				return o.Set("os.features", p.OSFeatures)
			}
			if c.desc.Platform != nil && len(c.desc.Platform.OSFeatures) > 0 {
				o.Delete("os.features")
			}
			return nil
		})
	})
}

// Annotate adds annotations to the entry; the others stay.
func (c *Child) Annotate(annotations map[string]string) error {
	return c.edit(func(fields *oci.Object) error {
		return fields.Edit("annotations", func(o *oci.Object) error { return o.Merge(annotations) })
	})
}

// pointTo lets the entry name other content. What describes the old content
// (data, urls) goes, everything else stays.
func (c *Child) pointTo(desc v1.Descriptor) error {
	if desc.Digest == c.desc.Digest && desc.MediaType == c.desc.MediaType && desc.Size == c.desc.Size {
		return nil
	}
	return c.edit(func(fields *oci.Object) error { return pointTo(fields, desc) })
}

// pointTo sets what identifies content in a descriptor.
func pointTo(fields *oci.Object, desc v1.Descriptor) error {
	fields.Delete("data")
	fields.Delete("urls")
	for _, f := range []struct {
		name  string
		value any
	}{{"mediaType", desc.MediaType}, {"digest", desc.Digest}, {"size", desc.Size}} {
		if err := fields.Set(f.name, f.value); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
