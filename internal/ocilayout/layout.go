package ocilayout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/safefile"
)

// Layout is an OCI image layout in a directory, for reading and writing. It is
// safe for concurrent use.
type Layout struct {
	dir string
	// name is the directory in messages.
	name string
	// root prevents symbolic links from leading out of the layout.
	root *os.Root
	// staged is nil if all files are in dir.
	staged *staged

	hashed atomic.Pointer[hashedIndex]
}

// Create creates an empty layout in the directory name, which must be empty or
// not exist.
func Create(name string) (*Layout, error) {
	dir, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("creating OCI layout: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating OCI layout: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("creating OCI layout: %w", err)
	}
	if len(entries) > 0 {
		return nil, diag.Invalidf("cannot create an OCI layout in %s: the directory is not empty", name)
	}
	if err := os.MkdirAll(filepath.Join(dir, v1.ImageBlobsDir, "sha256"), 0o755); err != nil {
		return nil, fmt.Errorf("creating OCI layout: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("creating OCI layout: %w", err)
	}
	l := &Layout{dir: dir, name: name, root: root}
	if err := l.writeFile(v1.ImageLayoutFile, layoutFile()); err != nil {
		root.Close()
		return nil, err
	}
	if err := l.WriteIndex(v1.Index{}); err != nil {
		root.Close()
		return nil, err
	}
	return l, nil
}

// OpenDir opens a layout directory; see [Open].
func OpenDir(name string) (*Layout, error) {
	dir, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("opening OCI layout: %w", err)
	}
	root, err := safefile.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening OCI layout: %w", err)
	}
	l := &Layout{dir: dir, name: name, root: root}
	data, err := l.readFile(v1.ImageLayoutFile, maxLayoutFileBytes)
	if err == nil {
		err = checkLayoutFile(name, data)
	}
	if err == nil {
		_, err = l.Index(context.Background())
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return l, nil
}

// Dir is the absolute path of the layout.
func (l *Layout) Dir() string { return l.dir }

// SourceName implements [oci.Namer].
func (l *Layout) SourceName(v1.Descriptor) string { return l.name }

// Close closes the layout. It does not remove the directory.
func (l *Layout) Close() error {
	if l.staged != nil {
		return l.staged.close()
	}
	return l.root.Close()
}

// RawIndex returns the bytes of index.json.
func (l *Layout) RawIndex(context.Context) ([]byte, error) {
	return l.readFile(v1.ImageIndexFile, oci.MaxManifestSize)
}

// Index returns the parsed index.json.
func (l *Layout) Index(ctx context.Context) (v1.Index, error) {
	raw, err := l.RawIndex(ctx)
	if err != nil {
		return v1.Index{}, err
	}
	return parseIndex(l.name, raw)
}

// Fetch opens a blob, or index.json by its digest. For missing content it
// returns an error that wraps [oci.ErrNotFound].
func (l *Layout) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	name, err := blobPath(l, desc)
	if err != nil {
		return nil, err
	}
	f, err := l.open(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if l.staged != nil {
		return l.fetchIndex(ctx, desc)
	}
	// A hostile index may list thousands of missing blobs: check before
	// reading, and hash once.
	info, err := l.root.Stat(v1.ImageIndexFile)
	if err != nil || info.Size() != desc.Size {
		return nil, fmt.Errorf("%s: %w", desc.Digest, oci.ErrNotFound)
	}
	if known := l.hashed.Load(); known != nil && known.sum != desc.Digest && os.SameFile(known.info, info) && known.info.ModTime().Equal(info.ModTime()) {
		return nil, fmt.Errorf("%s: %w", desc.Digest, oci.ErrNotFound)
	}
	raw, err := l.RawIndex(ctx)
	if err != nil {
		return nil, err
	}
	sum := digest.FromBytes(raw)
	l.hashed.Store(&hashedIndex{info, sum})
	return fetchIndexFile(raw, sum, desc)
}

// hashedIndex caches the digest of an index.json.
type hashedIndex struct {
	info fs.FileInfo
	sum  digest.Digest
}

// Exists reports whether the layout has the blob, without verifying its
// content.
func (l *Layout) Exists(_ context.Context, desc v1.Descriptor) (bool, error) {
	name, err := blobPath(l, desc)
	if err != nil {
		return false, err
	}
	if _, ok := l.staged.get(name); ok {
		return true, nil
	}
	var info fs.FileInfo
	root, err := l.disk()
	if err == nil {
		info, err = root.Stat(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Mode().IsRegular(), err
}

// open opens a regular file. It checks the type first, because opening a FIFO
// would block.
func (l *Layout) open(name string) (io.ReadCloser, error) {
	if data, ok := l.staged.get(name); ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	root, err := l.disk()
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, diag.Invalidf("%s is not an OCI layout: %s is not a regular file", l.name, name)
	}
	return root.Open(name)
}

func (l *Layout) readFile(name string, limit int64) ([]byte, error) {
	f, err := l.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diag.Invalidf("%s is not an OCI layout: it has no %s file", l.name, name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, l.name, name, limit)
}

// layoutFile is the content of the oci-layout file.
func layoutFile() []byte {
	return []byte(`{"imageLayoutVersion":"` + v1.ImageLayoutVersion + `"}`)
}

// marshalIndex returns the bytes of an index.json. Map keys are sorted, so
// equal indexes have equal bytes.
func marshalIndex(index v1.Index) ([]byte, error) {
	index.SchemaVersion = 2
	if index.MediaType == "" {
		index.MediaType = v1.MediaTypeImageIndex
	}
	if index.Manifests == nil {
		index.Manifests = []v1.Descriptor{} // the field is required: null is not a list
	}
	data, err := json.Marshal(index)
	if err != nil {
		return nil, fmt.Errorf("encoding index: %w", err)
	}
	return data, nil
}
