package annotate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

// copyLayers copies the layers of images that are not final, and returns the
// new descriptors by the old digest. Layers that an engine compressed for the
// transit are compressed again, each once. Platforms may share a layer.
func (m *maker) copyLayers(ctx context.Context) (map[digest.Digest]v1.Descriptor, error) {
	first := map[digest.Digest]*built{}
	for _, b := range m.built {
		if !b.final {
			first[b.manifest.Layers[0].Digest] = b
		}
	}
	var lock sync.Mutex
	taken := map[digest.Digest]v1.Descriptor{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for old, b := range first {
		group.Go(func() error {
			desc, err := m.takeLayer(ctx, b)
			lock.Lock()
			defer lock.Unlock()
			taken[old] = desc
			return err
		})
	}
	return taken, group.Wait()
}

func (m *maker) takeLayer(ctx context.Context, b *built) (v1.Descriptor, error) {
	l := b.manifest.Layers[0]
	zstd := l.MediaType == v1.MediaTypeImageLayerZstd
	if !zstd && l.MediaType != v1.MediaTypeImageLayerGzip && l.MediaType != oci.MediaTypeDockerLayerGzip {
		return v1.Descriptor{}, fmt.Errorf("the builder built a layer of type %q, want gzip or zstd", l.MediaType)
	}
	if b.transit || zstd != m.extension.Compression.Zstd() {
		desc, err := m.compress(ctx, b.src, l)
		if err != nil {
			return v1.Descriptor{}, fmt.Errorf("compressing layer: %w", err)
		}
		return desc, nil
	}
	if err := m.dst.Import(ctx, b.src, l); err != nil {
		return v1.Descriptor{}, fmt.Errorf("copying layer: %w", err)
	}
	return l, nil
}

// compress writes a layer with the compression of the extension, in one pass.
func (m *maker) compress(ctx context.Context, src *ocilayout.Layout, l v1.Descriptor) (v1.Descriptor, error) {
	blob, err := oci.FetchVerified(ctx, src, l)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer blob.Close()
	stored := layer.From(blob)
	stored.Ours = true
	plain, err := stored.Expand()
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer plain.Close()
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pw.CloseWithError(compressTo(layer.NewCompressor(pw, m.extension.Compression), plain, stored))
	}()
	desc, err := m.dst.Put(ctx, m.types.layer, pr)
	pr.CloseWithError(err) // lets the writer end when the layout cannot be written
	<-done
	return desc, err
}

func compressTo(zw *layer.Compressor, plain io.Reader, stored *layer.Stored) error {
	_, err := io.Copy(zw, plain)
	if err == nil {
		// Read to the end, where the digest is verified.
		_, err = io.Copy(io.Discard, stored)
	}
	return errors.Join(err, zw.Close())
}
