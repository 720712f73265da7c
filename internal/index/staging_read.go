package index

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
)

// Fetch opens content. Manifests are verified; blobs are not.
func (s *Staging) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	if data, ok := s.doc(desc); ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	var rc io.ReadCloser
	err := s.each(desc, func(base content.ReadOnlyStorage) (err error) {
		if !oci.IsDocument(desc.MediaType) {
			rc, err = base.Fetch(ctx, desc)
			return err
		}
		data, err := oci.ReadBytes(ctx, base, desc, oci.MaxManifestSize)
		if err != nil {
			return err
		}
		s.remember(base, desc, data)
		rc = io.NopCloser(bytes.NewReader(data))
		return nil
	})
	return rc, err
}

// Exists reports whether a store has the content.
func (s *Staging) Exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	if _, ok := s.doc(desc); ok {
		return true, nil
	}
	err := s.each(desc, func(base content.ReadOnlyStorage) error {
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
func (s *Staging) SourceName(desc v1.Descriptor) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	base := s.owner[desc.Digest]
	if base == nil && len(s.bases) == 1 {
		base = s.bases[0]
	}
	if n, ok := base.(oci.Namer); ok {
		return n.SourceName(desc)
	}
	return ""
}

// Locate returns the repository that content was found in; see
// [registry.Locator].
func (s *Staging) Locate(desc v1.Descriptor) (registry.Reference, bool) {
	s.mu.Lock()
	base := s.owner[desc.Digest]
	s.mu.Unlock()
	if locator, ok := base.(registry.Locator); ok {
		return locator.Locate(desc)
	}
	return registry.Reference{}, false
}

func (s *Staging) doc(desc v1.Descriptor) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.docs[desc.Digest]
	return data, ok && int64(len(data)) == desc.Size
}

// each tries the stores until one has desc, starting with the one that is known
// to have it.
func (s *Staging) each(desc v1.Descriptor, f func(content.ReadOnlyStorage) error) error {
	s.mu.Lock()
	owner := s.owner[desc.Digest]
	bases := s.bases
	s.mu.Unlock()
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
			s.setOwner(base, desc.Digest)
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

func (s *Staging) setOwner(base content.ReadOnlyStorage, digests ...digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range digests {
		if s.owner[d] == nil {
			s.owner[d] = base
		}
	}
}

// remember caches a manifest, and that its content is in the same store.
func (s *Staging) remember(base content.ReadOnlyStorage, desc v1.Descriptor, data []byte) {
	var doc struct {
		Manifests []v1.Descriptor `json:"manifests"`
		Config    *v1.Descriptor  `json:"config"`
		Layers    []v1.Descriptor `json:"layers"`
	}
	_ = json.Unmarshal(data, &doc) // its reader reports errors
	below := append(doc.Manifests, doc.Layers...)
	if doc.Config != nil {
		below = append(below, *doc.Config)
	}
	digests := []digest.Digest{desc.Digest}
	for _, d := range below {
		digests = append(digests, d.Digest)
	}
	s.setOwner(base, digests...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[desc.Digest] = data
}
