package index

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// Index is an OCI index or Docker manifest list that is being edited.
type Index struct {
	mediaType string
	original  []byte // nil for a new one
	fields    *oci.Object
	entries   []*Entry
	// had are the annotations of a Docker manifest list when it was read.
	had map[string]string
	// inFile reports whether it is written as the index.json of a file, which is
	// an OCI index regardless of mediaType.
	inFile  bool
	dropped []string // names of annotations; see Dropped
}

// NewIndex returns an empty OCI index.
func NewIndex() *Index {
	x, err := ParseIndex(v1.MediaTypeImageIndex,
		[]byte(`{"schemaVersion":2,"mediaType":"`+v1.MediaTypeImageIndex+`","manifests":[]}`))
	if err != nil {
		panic(err) // a constant
	}
	x.original = nil
	return x
}

// ReadIndex reads the index desc. It returns a [*diag.InvalidError] if desc is
// not an index.
func ReadIndex(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (*Index, error) {
	if !oci.IsIndex(desc.MediaType) {
		return nil, diag.Invalidf("%s is not an index but of type %q", desc.Digest, desc.MediaType)
	}
	_, raw, err := oci.ReadIndex(ctx, src, desc)
	if err != nil {
		return nil, err
	}
	x, err := ParseIndex(desc.MediaType, raw)
	if err != nil {
		return nil, diag.Invalidf("index %s is not valid: %v", desc.Digest, err)
	}
	return x, nil
}

// ParseIndex parses an index. mediaType is that of the descriptor, because the
// document may not have one.
func ParseIndex(mediaType string, raw []byte) (*Index, error) {
	fields, err := oci.ParseObject(raw)
	if err != nil {
		return nil, err
	}
	var entries []json.RawMessage
	if err := fields.Decode("manifests", &entries); err != nil {
		return nil, err
	}
	x := &Index{mediaType: mediaType, original: raw, fields: fields}
	for i, raw := range entries {
		c, err := parseEntry(raw)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		x.entries = append(x.entries, c)
	}
	if x.isDocker() {
		x.had = x.Annotations()
		for _, c := range x.entries {
			c.had = c.desc.Annotations
		}
	}
	return x, nil
}

// Clone returns a copy of the index.
func (x *Index) Clone() *Index {
	clone := *x
	clone.fields, clone.dropped = x.fields.Clone(), slices.Clone(x.dropped)
	clone.entries = make([]*Entry, len(x.entries))
	for i, e := range x.entries {
		clone.entries[i] = e.Clone()
	}
	return &clone
}

// MediaType returns the media type, of an OCI index or a Docker manifest list.
func (x *Index) MediaType() string { return x.mediaType }

// Annotations returns a copy of the index's annotations. It returns none if
// they are not strings.
func (x *Index) Annotations() map[string]string {
	annotations := map[string]string{}
	if x.fields.Decode("annotations", &annotations) != nil || len(annotations) == 0 {
		return nil
	}
	return annotations
}

// Annotate adds annotations to the index. It preserves the others.
func (x *Index) Annotate(annotations map[string]string) error {
	return x.fields.Edit("annotations", func(o *oci.Object) error { return o.Merge(annotations) })
}

// Entries returns all entries in order.
func (x *Index) Entries() []*Entry { return slices.Clone(x.entries) }

func (x *Index) filter(keep func(*Entry) bool) []*Entry {
	return slices.DeleteFunc(slices.Clone(x.entries), func(c *Entry) bool { return !keep(c) })
}

// Images returns the entries that are images.
func (x *Index) Images() []*Entry {
	return x.filter(func(c *Entry) bool { return c.Kind() == oci.KindImage })
}

// Attestations returns the attestations of an image.
func (x *Index) Attestations(image *Entry) []*Entry {
	return x.filter(func(c *Entry) bool { return c.attests(image.desc) })
}

// Others returns the entries that are neither images nor attestations of one:
// nested indexes, artifacts, attestations of images elsewhere.
func (x *Index) Others() []*Entry {
	return x.filter(func(c *Entry) bool {
		return c.Kind() != oci.KindImage &&
			!slices.ContainsFunc(x.entries, func(image *Entry) bool { return image != c && c.attests(image.desc) })
	})
}

// Append adds entries: images after the last image, others at the end.
func (x *Index) Append(entries ...*Entry) {
	for _, c := range entries {
		at := len(x.entries)
		if c.Kind() == oci.KindImage {
			at = x.afterImages()
		}
		x.entries = slices.Insert(x.entries, at, c)
	}
}

// afterImages returns the position of the next image.
func (x *Index) afterImages() int {
	for i := len(x.entries); i > 0; i-- {
		if x.entries[i-1].Kind() == oci.KindImage {
			return i
		}
	}
	// Attestations follow their images.
	return max(0, slices.IndexFunc(x.entries, func(c *Entry) bool { return c.Kind() == oci.KindAttestation }))
}

// Replace changes the content of an entry to desc. It keeps the position and
// other fields of the entry, and adds the platform and annotations of desc. It
// does not move attestations; see [Index.ReplaceImage].
func (x *Index) Replace(e *Entry, desc v1.Descriptor) error {
	if err := e.pointTo(desc); err != nil {
		return err
	}
	if desc.Platform != nil {
		if err := e.SetPlatform(*desc.Platform); err != nil {
			return err
		}
	}
	return e.Annotate(desc.Annotations)
}

// Remove removes an entry. It also removes its attestations unless the same
// image is listed again.
func (x *Index) Remove(e *Entry) {
	gone := map[*Entry]bool{e: true}
	if !x.lists(e.desc, e) {
		for _, a := range x.Attestations(e) {
			gone[a] = true
		}
	}
	x.entries = slices.DeleteFunc(x.entries, func(c *Entry) bool { return gone[c] })
}

// lists reports whether an entry other than except has the same content.
func (x *Index) lists(desc v1.Descriptor, except *Entry) bool {
	return slices.ContainsFunc(x.entries, func(c *Entry) bool { return c != except && c.desc.Digest == desc.Digest })
}

// Bytes returns the document: the original bytes if the content is equal.
func (x *Index) Bytes() ([]byte, error) {
	var list bytes.Buffer
	list.WriteByte('[')
	for i, c := range x.entries {
		if i > 0 {
			list.WriteByte(',')
		}
		raw, err := c.fields.Bytes()
		if err != nil {
			return nil, fmt.Errorf("encoding index: %w", err)
		}
		list.Write(raw)
	}
	list.WriteByte(']')
	fields := x.fields.Clone()
	if len(x.entries) > 0 || fields.Has("manifests") {
		if err := fields.Set("manifests", json.RawMessage(list.Bytes())); err != nil {
			return nil, err
		}
	}
	raw, err := fields.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding index: %w", err)
	}
	if x.original != nil && oci.SameJSON(x.original, raw) {
		return x.original, nil
	}
	return raw, nil
}

// changed reports whether the index differs from what was read.
func (x *Index) changed() bool {
	raw, err := x.Bytes()
	return err == nil && !bytes.Equal(raw, x.original)
}

// Put stores the document and returns its descriptor.
func (x *Index) Put(s *Staging) (v1.Descriptor, error) {
	raw, err := x.Bytes()
	if err != nil {
		return v1.Descriptor{}, err
	}
	return s.Put(x.mediaType, raw), nil
}
