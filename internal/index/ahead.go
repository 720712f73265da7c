package index

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
)

// lookAhead looks for the blobs of x that are from elsewhere in the repository
// that x is written to. Publishing looks for them where they are from at the same
// time.
func (e *editor) lookAhead(ctx context.Context, s *Staging, x *Index) []registry.PublishOption {
	if len(e.Tags) != 1 {
		return nil // several tags may be in several repositories
	}
	var blobs []v1.Descriptor
	for _, entry := range x.Entries() {
		desc := entry.Descriptor()
		at, ok := s.Locate(desc)
		if !ok || at.RepositoryName() == e.Tags[0].RepositoryName() || !oci.IsManifest(desc.MediaType) {
			continue
		}
		// Publishing reports what cannot be read.
		if manifest, _, err := oci.ReadManifest(ctx, s, desc); err == nil {
			blobs = append(append(blobs, manifest.Config), manifest.Layers...)
		}
	}
	if len(blobs) == 0 {
		return nil
	}
	return []registry.PublishOption{e.Client.Missing(ctx, e.Tags[0], blobs)}
}
