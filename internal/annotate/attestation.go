package annotate

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/index"
)

// attestations copies the attestations of an image, and updates their subjects
// if its digest has changed.
func (m *maker) attestations(ctx context.Context, b *built, image v1.Descriptor) ([]v1.Descriptor, error) {
	var out []v1.Descriptor
	for _, old := range b.attestations {
		if image.Digest == b.descriptor.Digest {
			if err := m.dst.ImportAll(ctx, b.src, old); err != nil {
				return nil, err
			}
			out = append(out, old)
			continue
		}
		desc, err := index.MoveAttestation(ctx, b.src, m.dst, old, b.descriptor, image)
		if err != nil {
			return nil, err
		}
		out = append(out, desc)
	}
	return out, nil
}
