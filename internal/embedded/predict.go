package embedded

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/plan"
)

// DiffIDs returns the diffIDs that the images of e will have, in plan order,
// with either engine. It reads the files and writes nothing.
func DiffIDs(ctx context.Context, e *plan.Extension) ([]digest.Digest, error) {
	layers, err := layersOf(ctx, e)
	if err != nil {
		return nil, err
	}
	ids := make([]digest.Digest, len(e.Images))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(layersAtOnce())
	for _, l := range layers {
		group.Go(func() error {
			id, err := l.DiffID(groupCtx)
			if err != nil {
				return fmt.Errorf("reading %s of %s: %w", l.Image, e.Descriptor.Info, err)
			}
			for _, i := range l.images {
				ids[i] = id
			}
			return nil
		})
	}
	return ids, group.Wait()
}

// DiffID reads the files of the layer and returns its diffID.
func (l Layer) DiffID(ctx context.Context) (digest.Digest, error) {
	h := sha256.New()
	if err := l.writeTar(ctx, h, nil); err != nil {
		return "", err
	}
	return digest.NewDigest(digest.SHA256, h), nil
}
