package ocilayout

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Limits on the files of staged layouts that are kept in memory: the size of
// each, and that of all in the process. The rest is written to the directories.
const (
	maxStaged    = 32 << 10
	maxAllStaged = 4 << 20
)

var allStaged atomic.Int64

// staged are the files of a layout that are in memory, by their names in it. A
// nil *staged has none.
type staged struct {
	mu    sync.Mutex
	files map[string][]byte
	root  *os.Root // of the directory, nil until it exists
}

// Stage creates an empty layout for the way from one step of a run to the next.
// Small files, which are most, are in memory, because creating a file takes
// longer than what is in it. The directory name is created when it is needed;
// [Layout.Flush] has everything written there.
func Stage(name string) (*Layout, error) {
	dir, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("creating OCI layout: %w", err)
	}
	l := &Layout{dir: dir, name: name, staged: &staged{files: map[string][]byte{}}}
	if err := l.writeFile(v1.ImageLayoutFile, layoutFile()); err != nil {
		return nil, err
	}
	return l, l.WriteIndex(v1.Index{})
}

// Flush writes what is in memory to the directory, for another process.
func (l *Layout) Flush() error {
	if l.staged == nil {
		return nil
	}
	l.staged.mu.Lock()
	files := maps.Clone(l.staged.files)
	l.staged.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := l.write(name, files[name]); err != nil {
			return err
		}
	}
	return nil
}

// put keeps a file in memory, and reports whether the limits allow that. The
// caller must not change data.
func (s *staged) put(name string, data []byte) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		return false // closed
	}
	before := int64(len(s.files[name]))
	delete(s.files, name)
	size := int64(len(data))
	if now := allStaged.Add(size - before); size > maxStaged || now > maxAllStaged {
		allStaged.Add(-size)
		return false
	}
	s.files[name] = data
	return true
}

func (s *staged) get(name string) ([]byte, bool) {
	if s == nil {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[name]
	return data, ok
}

// makeDir creates the directory of the layout.
func (s *staged) makeDir(dir string) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root != nil {
		return nil
	}
	err := os.MkdirAll(filepath.Join(dir, v1.ImageBlobsDir, "sha256"), 0o755)
	if err == nil {
		s.root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return fmt.Errorf("creating OCI layout: %w", err)
	}
	return nil
}

func (s *staged) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, data := range s.files {
		allStaged.Add(-int64(len(data)))
	}
	s.files = nil
	if s.root == nil {
		return nil
	}
	return s.root.Close()
}

// disk returns the directory of the layout, or [fs.ErrNotExist].
func (l *Layout) disk() (*os.Root, error) {
	if l.staged == nil {
		return l.root, nil
	}
	l.staged.mu.Lock()
	defer l.staged.mu.Unlock()
	if l.staged.root == nil {
		return nil, fs.ErrNotExist
	}
	return l.staged.root, nil
}

// stageBlob keeps a blob in memory if possible.
func (l *Layout) stageBlob(mediaType string, data []byte) (v1.Descriptor, bool) {
	if l.staged == nil || len(data) > maxStaged {
		return v1.Descriptor{}, false
	}
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	name, err := blobPath(l, desc)
	return desc, err == nil && l.staged.put(name, data)
}

// has reports whether the layout has a regular file of that size.
func (l *Layout) has(name string, size int64) bool {
	if data, ok := l.staged.get(name); ok {
		return int64(len(data)) == size
	}
	root, err := l.disk()
	if err != nil {
		return false
	}
	info, err := root.Lstat(name)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// share takes a blob that another layout has in memory.
func (l *Layout) share(from *Layout, name string, size int64) bool {
	data, ok := from.staged.get(name)
	return ok && int64(len(data)) == size && l.staged.put(name, data)
}

// fetchIndex returns index.json by its digest, as Fetch does.
func (l *Layout) fetchIndex(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	raw, err := l.RawIndex(ctx)
	if err != nil {
		return nil, err
	}
	return fetchIndexFile(raw, digest.FromBytes(raw), desc)
}
