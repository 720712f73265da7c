package ocilayout

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
)

// Put writes the content of r as a blob and returns its descriptor. A blob
// appears under its name once it is complete.
func (l *Layout) Put(ctx context.Context, mediaType string, r io.Reader) (v1.Descriptor, error) {
	if l.staged != nil {
		head, err := io.ReadAll(io.LimitReader(contextReader{ctx, r}, maxStaged+1))
		if err != nil {
			return v1.Descriptor{}, fmt.Errorf("writing %s: %w", oci.Noun(mediaType), err)
		}
		if desc, ok := l.stageBlob(mediaType, head); ok {
			return desc, nil
		}
		r = io.MultiReader(bytes.NewReader(head), r)
	}
	hash := digest.SHA256.Digester()
	desc := v1.Descriptor{MediaType: mediaType}
	err := l.writeVia(func(w io.Writer) error {
		n, err := io.Copy(io.MultiWriter(w, hash.Hash()), contextReader{ctx, r})
		desc.Size, desc.Digest = n, hash.Digest()
		return err
	}, func() (string, error) { return blobPath(l, desc) })
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("writing %s: %w", oci.Noun(mediaType), err)
	}
	return desc, nil
}

// PutBytes writes data as a blob and returns its descriptor.
func (l *Layout) PutBytes(ctx context.Context, mediaType string, data []byte) (v1.Descriptor, error) {
	if desc, ok := l.stageBlob(mediaType, data); ok {
		return desc, nil
	}
	return l.Put(ctx, mediaType, bytes.NewReader(data))
}

// PutJSON writes v as a blob of compact JSON with sorted map keys, as
// encoding/json does, and returns its descriptor.
func (l *Layout) PutJSON(ctx context.Context, mediaType string, v any) (v1.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("encoding %s: %w", oci.Noun(mediaType), err)
	}
	return l.PutBytes(ctx, mediaType, data)
}

// Import copies the blob desc from src to the layout, unless it exists. A blob
// of another layout on the same file system is hard linked after a check of its
// size, because blobs are never modified. Other blobs are copied and verified.
func (l *Layout) Import(ctx context.Context, src content.Fetcher, desc v1.Descriptor) error {
	name, err := blobPath(l, desc)
	if err != nil {
		return err
	}
	if l.has(name, desc.Size) {
		return nil
	}
	if from, ok := src.(*Layout); ok && (l.share(from, name, desc.Size) || l.link(from, name, desc.Size)) {
		return nil
	}
	rc, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return err
	}
	defer rc.Close()
	return l.writeVia(func(w io.Writer) error {
		_, err := io.Copy(w, rc)
		return err
	}, func() (string, error) { return name, nil })
}

// ImportAll imports desc and everything that it refers to: the manifests of an
// index, including attestations, and the config and layers of a manifest.
func (l *Layout) ImportAll(ctx context.Context, src content.ReadOnlyStorage, desc v1.Descriptor) error {
	graph, err := oci.ReadGraph(ctx, src, desc)
	if err != nil {
		return err
	}
	for _, blob := range graph.Descriptors() {
		if err := l.Import(ctx, src, blob); err != nil {
			return err
		}
	}
	return nil
}

// link hard links a blob of another layout and reports whether that succeeded.
// If not (another file system, a symbolic link, permissions), a copy works or
// returns the error.
func (l *Layout) link(from *Layout, name string, size int64) bool {
	root, err := from.disk()
	if err != nil || l.staged.makeDir(l.dir) != nil {
		return false
	}
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o644 || info.Size() != size {
		return false
	}
	to := filepath.Join(l.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return false
	}
	return os.Link(filepath.Join(from.dir, filepath.FromSlash(name)), to) == nil
}

// WriteIndex replaces index.json in one step. Schema version and media type
// are filled in.
func (l *Layout) WriteIndex(index v1.Index) error {
	data, err := marshalIndex(index)
	if err != nil {
		return err
	}
	return l.writeFile(v1.ImageIndexFile, data)
}

func (l *Layout) writeFile(name string, data []byte) error {
	if l.staged.put(name, data) {
		return nil
	}
	return l.write(name, data)
}

func (l *Layout) write(name string, data []byte) error {
	err := l.writeVia(func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}, func() (string, error) { return name, nil })
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// writeVia writes a temporary file with fill and renames it to the result of
// name, a path relative to the layout, so that readers never see a partial
// file.
func (l *Layout) writeVia(fill func(io.Writer) error, name func() (string, error)) (err error) {
	if err := l.staged.makeDir(l.dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(l.dir, ".ingest-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // may be closed already; the first error matters
			os.Remove(f.Name())
		}
	}()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	target, err := name()
	if err != nil {
		return err
	}
	target = filepath.Join(l.dir, filepath.FromSlash(target))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// contextReader stops when the context is done, so that copying a large file
// can be interrupted.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
