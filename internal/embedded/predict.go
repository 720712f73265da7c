package embedded

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/plan"
)

// DiffIDs returns the diffIDs that the images of e will have, in plan order,
// with either engine. It reads the files and writes nothing.
func DiffIDs(ctx context.Context, e *plan.Extension) ([]digest.Digest, error) {
	ids := make([]digest.Digest, len(e.Images))
	first := map[string]int{}
	same := make([]int, len(e.Images))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range e.Images {
		layer := NewLayer(e, i)
		key, err := layer.key()
		if err != nil {
			return nil, err
		}
		if n, ok := first[key]; ok {
			same[i] = n
			continue
		}
		first[key], same[i] = i, i
		group.Go(func() (err error) {
			if ids[i], err = layer.DiffID(groupCtx); err != nil {
				return fmt.Errorf("reading %s of %s: %w", layer.Image, e.Descriptor.Info, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, n := range same {
		ids[i] = ids[n]
	}
	return ids, nil
}

// DiffID reads the files of the layer and returns its diffID.
func (l Layer) DiffID(ctx context.Context) (digest.Digest, error) {
	h := sha256.New()
	if err := l.writeTar(ctx, h, nil); err != nil {
		return "", err
	}
	return digest.NewDigest(digest.SHA256, h), nil
}
