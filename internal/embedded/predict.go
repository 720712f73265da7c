package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/plan"
)

const (
	// smallLayer is the size of the files of a layer up to which it is packed in
	// memory.
	smallLayer = 64 << 10
	// maxAhead limits the layers of a run that wait for Build.
	maxAhead = 2 << 20
)

// DiffIDs returns the diffIDs that the images of x will have, in plan order,
// with either engine. It reads the files and writes nothing. Build takes small
// layers as they were read here.
func (e *Engine) DiffIDs(ctx context.Context, x *plan.Extension) ([]digest.Digest, error) {
	layers, err := layersOf(ctx, x)
	if err != nil {
		return nil, err
	}
	ids := make([]digest.Digest, len(x.Images))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(layersAtOnce())
	for n := range layers {
		l := &layers[n]
		group.Go(func() error {
			id, err := l.read(groupCtx)
			if err != nil {
				return fmt.Errorf("reading %s of %s: %w", l.Image, x.Descriptor.Info, err)
			}
			for _, i := range l.images {
				ids[i] = id
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	e.ahead.put(x, layers)
	return ids, nil
}

// read returns the diffID, and packs a small layer.
func (l *Layer) read(ctx context.Context) (digest.Digest, error) {
	if l.size > smallLayer {
		return l.DiffID(ctx)
	}
	if err := l.pack(ctx, nil); err != nil {
		return "", err
	}
	return l.packed.diffID, nil
}

// DiffID reads the files of the layer and returns its diffID.
func (l Layer) DiffID(ctx context.Context) (digest.Digest, error) {
	h := sha256.New()
	if err := l.writeTar(ctx, h, nil); err != nil {
		return "", err
	}
	return digest.NewDigest(digest.SHA256, h), nil
}

// packed is a small layer in memory.
type packed struct {
	stored []byte
	diffID digest.Digest
}

// pack packs a small layer.
func (l *Layer) pack(ctx context.Context, progress func(Layer, int64)) error {
	var stored bytes.Buffer
	diffID := sha256.New()
	zw := layer.NewCompressor(&stored, l.Extension.Compression)
	err := l.writeTar(ctx, io.MultiWriter(zw, diffID), progress)
	if err = errors.Join(err, zw.Close()); err == nil {
		l.packed = &packed{stored.Bytes(), digest.NewDigest(digest.SHA256, diffID)}
	}
	return err
}

// ahead are the layers of extensions that were packed before Build.
type ahead struct {
	mu     sync.Mutex
	layers map[*plan.Extension][]shared
	size   int
}

// put keeps the layers of an extension until they are taken, unless there are
// too many.
func (a *ahead) put(x *plan.Extension, layers []shared) {
	a.take(x)
	a.mu.Lock()
	defer a.mu.Unlock()
	size := sizeInMemory(layers)
	if size == 0 || a.size+size > maxAhead {
		return
	}
	if a.layers == nil {
		a.layers = map[*plan.Extension][]shared{}
	}
	a.layers[x] = layers
	a.size += size
}

// take returns the layers of an extension, or nil.
func (a *ahead) take(x *plan.Extension) []shared {
	a.mu.Lock()
	defer a.mu.Unlock()
	layers := a.layers[x]
	delete(a.layers, x)
	a.size -= sizeInMemory(layers)
	return layers
}

func sizeInMemory(layers []shared) int {
	size := 0
	for _, l := range layers {
		if l.packed != nil {
			size += len(l.packed.stored)
		}
	}
	return size
}
