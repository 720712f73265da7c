package registry

import (
	"context"
	"encoding/json"
	"io"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// maxPrefetch limits the documents of one level that are read in advance.
const maxPrefetch = 256

// Prefetch reads the manifests below the root side by side and, if configs is
// set, then their configs and the statements of attestations. If layers is set,
// it looks for layers at the same time. Readers that go
// from one image to the next otherwise wait for several answers per image. What
// cannot be read is left to them, with the error.
func (s *Source) Prefetch(ctx context.Context, configs, layers bool) {
	manifests := []v1.Descriptor{s.Root}
	if oci.IsIndex(s.Root.MediaType) {
		var index struct {
			Manifests []v1.Descriptor `json:"manifests"`
		}
		if json.Unmarshal(s.data, &index) != nil {
			return
		}
		manifests = index.Manifests
		s.prefetch(ctx, manifests)
	}
	if !configs {
		return
	}
	var below, look []v1.Descriptor
	for _, m := range manifests {
		data := s.data
		if m.Digest != s.Root.Digest {
			_, data, _ = s.repo.client.known.document(s.repo.ref.RepositoryName(), m.Digest)
		}
		var manifest v1.Manifest
		if json.Unmarshal(data, &manifest) != nil {
			continue
		}
		if oci.KindOf(m) != oci.KindAttestation {
			below = append(below, manifest.Config)
			look = append(look, manifest.Layers...)
			continue
		}
		for _, layer := range manifest.Layers {
			if layer.Size <= oci.MaxStatementSize/16 { // others are read when they are needed
				below = append(below, layer)
			}
		}
	}
	if !layers {
		look = nil
	}
	var group sync.WaitGroup
	group.Go(func() { s.prefetch(ctx, below) })
	group.Go(func() {
		_ = each(ctx, s.repo.client.small, look[:min(len(look), maxPrefetch)], func(ctx context.Context, desc v1.Descriptor) error {
			_, _ = s.repo.has(withRetries(ctx, 0), "blobs", desc) // the reader reports errors
			return nil
		})
	})
	group.Wait()
}

// prefetch reads small content that is not known yet.
func (s *Source) prefetch(ctx context.Context, all []v1.Descriptor) {
	var total int64
	var some []v1.Descriptor
	for _, desc := range all {
		_, _, ok := s.repo.client.known.document(s.repo.ref.RepositoryName(), desc.Digest)
		if ok || desc.Size > maxBufferedBlob || len(some) == maxPrefetch || total+desc.Size > maxKnownDocuments/2 || desc.Size < 0 {
			continue
		}
		total += desc.Size
		some = append(some, desc)
	}
	_ = each(ctx, s.repo.client.small, some, func(ctx context.Context, desc v1.Descriptor) error {
		if rc, err := s.fetch(withRetries(ctx, 0), desc); err == nil {
			_, _ = io.Copy(io.Discard, rc)
			_ = rc.Close()
		}
		return nil // the reader reports it
	})
}
