package index

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// Entry is an entry of an index: a descriptor with all its fields. An index may
// list the same digest several times, so entries are identified by their
// pointer.
type Entry struct {
	fields *oci.Object
	desc   v1.Descriptor
	// found is the platform of an image whose descriptor has none. artifact
	// reports whether it is not an image; see [Index.Resolve].
	found    *v1.Platform
	artifact bool
	// any reports whether the image is for any platform.
	any bool
	// had are the annotations that the entry had in a Docker manifest list.
	had map[string]string
}

// NewEntry returns an entry that is not in an index yet.
func NewEntry(desc v1.Descriptor) (*Entry, error) {
	raw, err := oci.EncodeJSON(desc)
	if err != nil {
		return nil, fmt.Errorf("encoding descriptor: %w", err)
	}
	return parseEntry(raw)
}

func parseEntry(raw []byte) (*Entry, error) {
	fields, err := oci.ParseObject(raw)
	if err != nil {
		return nil, err
	}
	c := &Entry{fields: fields}
	return c, c.parse()
}

// parse updates the descriptor from the fields.
func (e *Entry) parse() error {
	raw, err := e.fields.Bytes()
	if err != nil {
		return err
	}
	e.desc = v1.Descriptor{}
	return json.Unmarshal(raw, &e.desc)
}

// edit changes fields. On failure it changes nothing.
func (e *Entry) edit(f func(*oci.Object) error) error {
	changed := e.Clone()
	if err := f(changed.fields); err != nil {
		return err
	}
	if err := changed.parse(); err != nil {
		return err
	}
	*e = *changed
	return nil
}

// Clone returns a copy for another index.
func (e *Entry) Clone() *Entry {
	clone := *e
	clone.fields = e.fields.Clone()
	return &clone
}

// Descriptor returns the descriptor of the entry.
func (e *Entry) Descriptor() v1.Descriptor {
	desc := e.desc
	desc.Annotations = maps.Clone(desc.Annotations)
	if desc.Platform != nil {
		p := *desc.Platform
		p.OSFeatures = slices.Clone(p.OSFeatures)
		desc.Platform = &p
	}
	return desc
}

// Kind returns the kind of the entry.
func (e *Entry) Kind() oci.Kind {
	if e.artifact {
		return oci.KindOther
	}
	return oci.KindOf(e.desc)
}

// attests reports whether the entry is an attestation of an image.
func (e *Entry) attests(image v1.Descriptor) bool {
	return e.Kind() == oci.KindAttestation &&
		e.desc.Annotations[oci.AnnotationReferenceDigest] == image.Digest.String()
}

// SetPlatform sets os, architecture, variant, os.version and os.features, and
// removes those that are empty. It preserves other fields of the platform.
func (e *Entry) SetPlatform(p v1.Platform) error {
	return e.edit(func(fields *oci.Object) error {
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
			if e.desc.Platform != nil && len(e.desc.Platform.OSFeatures) > 0 {
				o.Delete("os.features")
			}
			return nil
		})
	})
}

// Annotate adds annotations to the entry. It preserves the others.
func (e *Entry) Annotate(annotations map[string]string) error {
	return e.edit(func(fields *oci.Object) error {
		return fields.Edit("annotations", func(o *oci.Object) error { return o.Merge(annotations) })
	})
}

// pointTo changes the content of the entry. It removes fields about the old
// content (data, urls), and preserves the others.
func (e *Entry) pointTo(desc v1.Descriptor) error {
	if desc.Digest == e.desc.Digest && desc.MediaType == e.desc.MediaType && desc.Size == e.desc.Size {
		return nil
	}
	return e.edit(func(fields *oci.Object) error { return pointTo(fields, desc) })
}

// pointTo sets the fields that identify content.
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
