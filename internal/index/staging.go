package index

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// Staging is an in-memory storage of new documents in front of read-only
// stores: registries, layouts, package files. An edited graph can be published
// or written from it. Unchanged content is only read if the destination
// requests it.
//
// It caches manifests and the stores of their content, so that each is read
// once from the right store. It is safe for concurrent use.
type Staging struct {
	mu     sync.Mutex
	bases  []content.ReadOnlyStorage
	docs   map[digest.Digest][]byte
	owner  map[digest.Digest]content.ReadOnlyStorage
	opened []*source.Source
	early  map[string]func() (*source.Source, error) // by name
	took   atomic.Int64                              // the duration of reading a tag
}

var (
	_ content.ReadOnlyStorage = (*Staging)(nil)
	_ registry.Locator        = (*Staging)(nil)
	_ Sink                    = (*Staging)(nil)
	_ Sink                    = (*ocilayout.Layout)(nil)
)

// Sink takes new content: a [*Staging] or an [*ocilayout.Layout].
type Sink interface {
	// PutBytes stores data and returns its descriptor.
	PutBytes(ctx context.Context, mediaType string, data []byte) (v1.Descriptor, error)
	// Import makes a blob of src available.
	Import(ctx context.Context, src content.Fetcher, desc v1.Descriptor) error
}

// NewStaging returns a staging with any number of stores; more can be added.
func NewStaging(bases ...content.ReadOnlyStorage) *Staging {
	s := &Staging{docs: map[digest.Digest][]byte{}, owner: map[digest.Digest]content.ReadOnlyStorage{}}
	for _, base := range bases {
		s.AddStore(base)
	}
	return s
}

// AddStore adds a store after the existing ones.
func (s *Staging) AddStore(base content.ReadOnlyStorage) {
	if src, ok := base.(*source.Source); ok {
		base = src.ReadOnlyStorage // which may implement registry.Locator
		s.setOwner(base, src.Root.Digest)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bases = append(s.bases, base)
}

// Open opens packages, whose images the caller reads, and adds them as stores.
// Close closes them.
func (s *Staging) Open(ctx context.Context, client *registry.Client, names []string) ([]*source.Source, error) {
	sources, err := s.open(ctx, client, names)
	var group sync.WaitGroup
	for _, src := range sources {
		group.Go(func() { src.Prefetch(ctx, false, false) })
	}
	group.Wait()
	return sources, err
}

// begin starts to read packages in registries that open is called for later, so
// that they are read side by side.
func (s *Staging) begin(ctx context.Context, client *registry.Client, names []string, configs bool) {
	s.early = map[string]func() (*source.Source, error){}
	for _, name := range names {
		if source.IsPath(name) || s.early[name] != nil {
			continue
		}
		read := sync.OnceValues(func() (*source.Source, error) {
			begin := time.Now()
			src, err := source.Open(ctx, client, name)
			s.took.Store(int64(time.Since(begin)))
			if err == nil {
				src.Prefetch(ctx, configs, configs)
			}
			return src, err
		})
		s.early[name] = read
		go read() //nolint:errcheck // open returns the error
	}
}

// open is Open for packages that are not read as a whole. They are opened side
// by side.
func (s *Staging) open(ctx context.Context, client *registry.Client, names []string) ([]*source.Source, error) {
	sources, errs := make([]*source.Source, len(names)), make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(8)
	for i, name := range names {
		group.Go(func() error {
			if begun := s.early[name]; begun != nil {
				sources[i], errs[i] = begun()
			} else {
				sources[i], errs[i] = source.Open(ctx, client, name)
			}
			return errs[i]
		})
	}
	_ = group.Wait() // the first error in the order of names is returned
	for _, src := range sources {
		if src != nil {
			s.opened = append(s.opened, src)
			s.AddStore(src)
		}
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return sources, nil
}

// Close closes the packages that Open opened. The staging cannot be read
// afterwards.
func (s *Staging) Close() {
	for _, src := range s.opened {
		_ = src.Close() // read only
	}
}

// Put stores a new document and returns its descriptor.
func (s *Staging) Put(mediaType string, data []byte) v1.Descriptor {
	desc := content.NewDescriptorFromBytes(mediaType, data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[desc.Digest] = data
	return desc
}

// PutBytes implements [Sink].
func (s *Staging) PutBytes(_ context.Context, mediaType string, data []byte) (v1.Descriptor, error) {
	return s.Put(mediaType, data), nil
}

// PutJSON stores v as compact JSON with sorted map keys and returns its
// descriptor. An [*oci.Object] keeps its order.
func (s *Staging) PutJSON(mediaType string, v any) (v1.Descriptor, error) {
	data, err := oci.EncodeJSON(v)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("encoding %s: %w", mediaType, err)
	}
	return s.Put(mediaType, data), nil
}

// Import copies a blob of src to memory unless a store has it. It is meant for
// small blobs.
func (s *Staging) Import(ctx context.Context, src content.Fetcher, desc v1.Descriptor) error {
	if ok, err := s.Exists(ctx, desc); err != nil || ok {
		return err
	}
	data, err := oci.ReadBytes(ctx, src, desc, oci.MaxStatementSize)
	if err != nil {
		return err
	}
	s.Put(desc.MediaType, data)
	return nil
}
