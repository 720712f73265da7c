package edit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// Overlay is a storage of new documents, held in memory, in front of storages
// that exist: registries, layouts, package files. An edited graph can be
// published or written from it, and of what did not change nothing is read
// that the destination does not ask for.
//
// It remembers the manifests it has read and where what they list is, so each
// is read once and no storage is asked for another's content. It may be used
// by several goroutines.
type Overlay struct {
	mu     sync.Mutex
	bases  []content.ReadOnlyStorage
	docs   map[digest.Digest][]byte
	owner  map[digest.Digest]content.ReadOnlyStorage
	opened []*source.Source
}

var (
	_ content.ReadOnlyStorage = (*Overlay)(nil)
	_ registry.Locator        = (*Overlay)(nil)
	_ Sink                    = (*Overlay)(nil)
	_ Sink                    = (*ocilayout.Layout)(nil)
)

// Sink takes new content: an [*Overlay] or an [*ocilayout.Layout].
type Sink interface {
	// PutBytes stores data and describes it.
	PutBytes(ctx context.Context, mediaType string, data []byte) (v1.Descriptor, error)
	// Import makes one blob of src available as it is.
	Import(ctx context.Context, src content.Fetcher, desc v1.Descriptor) error
}

// NewOverlay gives an overlay over any number of storages; more can be added.
func NewOverlay(bases ...content.ReadOnlyStorage) *Overlay {
	o := &Overlay{docs: map[digest.Digest][]byte{}, owner: map[digest.Digest]content.ReadOnlyStorage{}}
	for _, base := range bases {
		o.AddBase(base)
	}
	return o
}

// AddBase adds a storage behind those there are.
func (o *Overlay) AddBase(base content.ReadOnlyStorage) {
	if s, ok := base.(*source.Source); ok {
		base = s.ReadOnlyStorage // which may know where its content is
		o.own(base, s.Root.Digest)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bases = append(o.bases, base)
}

// Open opens packages and makes them bases; Close closes them.
func (o *Overlay) Open(ctx context.Context, client *registry.Client, names []string) ([]*source.Source, error) {
	var sources []*source.Source
	for _, name := range names {
		s, err := source.Open(ctx, client, name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
		o.opened = append(o.opened, s)
		o.AddBase(s)
	}
	return sources, nil
}

// Close closes what Open opened; nothing can be read from the overlay then.
func (o *Overlay) Close() {
	for _, s := range o.opened {
		_ = s.Close() // read only
	}
}

// Put stores a new document and describes it.
func (o *Overlay) Put(mediaType string, data []byte) v1.Descriptor {
	desc := content.NewDescriptorFromBytes(mediaType, data)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.docs[desc.Digest] = data
	return desc
}

// PutBytes is Put for a [Sink].
func (o *Overlay) PutBytes(_ context.Context, mediaType string, data []byte) (v1.Descriptor, error) {
	return o.Put(mediaType, data), nil
}

// PutJSON stores v as compact JSON with sorted map keys and describes it; an
// [*oci.Object] keeps its order.
func (o *Overlay) PutJSON(mediaType string, v any) (v1.Descriptor, error) {
	data, err := oci.EncodeJSON(v)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("encoding %s: %w", mediaType, err)
	}
	return o.Put(mediaType, data), nil
}

// Import copies a blob of src into memory unless a storage below has it, for
// blobs that are small by their nature.
func (o *Overlay) Import(ctx context.Context, src content.Fetcher, desc v1.Descriptor) error {
	if ok, err := o.Exists(ctx, desc); err != nil || ok {
		return err
	}
	data, err := oci.ReadBytes(ctx, src, desc, oci.MaxStatementSize)
	if err != nil {
		return err
	}
	o.Put(desc.MediaType, data)
	return nil
}

// Fetch opens content. Manifests are verified; blobs are as their storage
// gives them.
func (o *Overlay) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	if data, ok := o.doc(desc); ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	var rc io.ReadCloser
	err := o.each(desc, func(base content.ReadOnlyStorage) (err error) {
		if !oci.IsDocument(desc.MediaType) {
			rc, err = base.Fetch(ctx, desc)
			return err
		}
		data, err := oci.ReadBytes(ctx, base, desc, oci.MaxManifestSize)
		if err != nil {
			return err
		}
		o.learn(base, desc, data)
		rc = io.NopCloser(bytes.NewReader(data))
		return nil
	})
	return rc, err
}

// Exists asks for content.
func (o *Overlay) Exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	if _, ok := o.doc(desc); ok {
		return true, nil
	}
	err := o.each(desc, func(base content.ReadOnlyStorage) error {
		ok, err := base.Exists(ctx, desc)
		if err == nil && !ok {
			return oci.ErrNotFound
		}
		return err
	})
	if errors.Is(err, oci.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SourceName implements [oci.Namer].
func (o *Overlay) SourceName(desc v1.Descriptor) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	base := o.owner[desc.Digest]
	if base == nil && len(o.bases) == 1 {
		base = o.bases[0]
	}
	if n, ok := base.(oci.Namer); ok {
		return n.SourceName(desc)
	}
	return ""
}

// Locate tells which repository content was found in; see [registry.Locator].
func (o *Overlay) Locate(desc v1.Descriptor) (registry.Reference, bool) {
	o.mu.Lock()
	base := o.owner[desc.Digest]
	o.mu.Unlock()
	if locator, ok := base.(registry.Locator); ok {
		return locator.Locate(desc)
	}
	return registry.Reference{}, false
}

func (o *Overlay) doc(desc v1.Descriptor) ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	data, ok := o.docs[desc.Digest]
	return data, ok && int64(len(data)) == desc.Size
}

// each tries the storages, the one that is known to have desc first, until one
// has it.
func (o *Overlay) each(desc v1.Descriptor, f func(content.ReadOnlyStorage) error) error {
	o.mu.Lock()
	owner := o.owner[desc.Digest]
	bases := o.bases
	o.mu.Unlock()
	var failed error
	if owner != nil {
		if failed = f(owner); failed == nil || !errors.Is(failed, oci.ErrNotFound) {
			return failed
		}
	}
	for _, base := range bases {
		if base == owner {
			continue
		}
		err := f(base)
		if err == nil {
			o.own(base, desc.Digest)
			return nil
		}
		if failed == nil || errors.Is(failed, oci.ErrNotFound) {
			failed = err
		}
	}
	if failed == nil {
		failed = fmt.Errorf("%s: %w", desc.Digest, oci.ErrNotFound)
	}
	return failed
}

func (o *Overlay) own(base content.ReadOnlyStorage, digests ...digest.Digest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range digests {
		if o.owner[d] == nil {
			o.owner[d] = base
		}
	}
}

// learn remembers a manifest, and that what it lists is where it is.
func (o *Overlay) learn(base content.ReadOnlyStorage, desc v1.Descriptor, data []byte) {
	var doc struct {
		Manifests []v1.Descriptor `json:"manifests"`
		Config    *v1.Descriptor  `json:"config"`
		Layers    []v1.Descriptor `json:"layers"`
	}
	_ = json.Unmarshal(data, &doc) // whoever reads it says what is wrong
	below := append(doc.Manifests, doc.Layers...)
	if doc.Config != nil {
		below = append(below, *doc.Config)
	}
	digests := []digest.Digest{desc.Digest}
	for _, d := range below {
		digests = append(digests, d.Digest)
	}
	o.own(base, digests...)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.docs[desc.Digest] = data
}
