package ocilayout

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// tarBlock is the unit of the tar format, in bytes.
const tarBlock = 512

// tarStore reads a layout from an uncompressed tar file. It keeps the offsets
// of entries, not their content. It uses a single open file, so that the
// content is consistent if the path is replaced.
//
// oras-go's tar store is not used because it opens the path again for every
// blob, uses the last of two entries with the same name, and reads every
// manifest on opening.
type tarStore struct {
	name  string
	file  tarFile
	files map[string]span
	raw   []byte
	// sum is the digest of raw.
	sum func() digest.Digest
}

// tarFile is the source of a layout: a file, or memory in tests.
type tarFile interface {
	io.ReadSeeker
	io.ReaderAt
}

// span is the range of the content of an entry in the file, in bytes.
type span struct{ offset, size int64 }

// openTar opens a layout in the file called name.
func openTar(name string) (_ *tarStore, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening OCI layout: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening OCI layout: %w", err)
	}
	s, err := newTarStore(name, f, info.Size())
	if err != nil {
		return nil, asDockerArchive(name, f, err)
	}
	return s, nil
}

// newTarStore reads a layout from f, which has size bytes. Closing the store
// closes f. On failure, f stays open.
func newTarStore(name string, f tarFile, size int64) (*tarStore, error) {
	if err := checkUncompressed(name, f); err != nil {
		return nil, err
	}
	s := &tarStore{name: name, file: f}
	var err error
	if s.files, err = scanTar(name, f, size); err != nil {
		return nil, err
	}
	data, err := s.readFile(v1.ImageLayoutFile, maxLayoutFileBytes)
	if err != nil {
		return nil, err
	}
	if err := checkLayoutFile(name, data); err != nil {
		return nil, err
	}
	if s.raw, err = s.readFile(v1.ImageIndexFile, oci.MaxManifestSize); err != nil {
		return nil, err
	}
	s.sum = sync.OnceValue(func() digest.Digest { return digest.FromBytes(s.raw) })
	_, err = s.Index(context.Background())
	return s, err
}

// checkUncompressed returns an error for compressed formats, and rewinds the
// file.
func checkUncompressed(name string, f io.ReadSeeker) error {
	head := make([]byte, 6)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if n == 0 {
		return diag.Invalidf("%s is empty; expected an uncompressed tar of an OCI layout", name)
	}
	for _, format := range []struct{ name, magic string }{
		{"gzip", "\x1f\x8b"}, {"zstd", "\x28\xb5\x2f\xfd"}, {"xz", "\xfd7zXZ\x00"}, {"bzip2", "BZh"},
	} {
		if bytes.HasPrefix(head[:n], []byte(format.magic)) {
			return diag.WithHint(diag.Invalidf("%s is %s compressed; expected an uncompressed tar of an OCI layout", name, format.name), "decompress it first")
		}
	}
	if bytes.HasPrefix(head[:n], []byte("PK")) {
		return diag.Invalidf("%s is a zip archive; expected an uncompressed tar of an OCI layout", name)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

// scanTar returns the regular files of the tar in r, of size bytes. It reads
// only headers. It returns an error for anything that readers interpret
// differently.
func scanTar(name string, r io.ReadSeeker, size int64) (map[string]span, error) {
	files := map[string]span{}
	tr := tar.NewReader(r)
	var end int64 // of the last entry's content
	for count := 0; ; count++ {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			// tar.Reader accepts the end of the file instead of the
			// end-of-archive marker, so a truncated file could pass as
			// complete.
			if size < end+tarBlock {
				return nil, tarError(name, count, io.ErrUnexpectedEOF)
			}
			return files, checkEnd(name, r)
		}
		if err != nil && size < tarBlock {
			return nil, tarError(name, 0, tar.ErrHeader)
		}
		if err != nil {
			return nil, tarError(name, count, err)
		}
		if count == MaxTarEntries {
			return nil, diag.Invalidf("%s cannot be read: it has more than %d entries", name, MaxTarEntries)
		}
		// tar.Reader does not read beyond the header.
		offset, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		entry, err := checkTarEntry(name, header)
		if err != nil {
			return nil, err
		}
		end = offset
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if _, twice := files[entry]; twice {
			return nil, diag.Invalidf("%s is not a usable OCI layout: it contains the entry %q twice", name, entry)
		}
		if header.Size > size-offset {
			return nil, tarError(name, count, io.ErrUnexpectedEOF)
		}
		files[entry] = span{offset: offset, size: header.Size}
		end = offset + (header.Size+tarBlock-1)/tarBlock*tarBlock
	}
}

// checkTarEntry returns the clean name of an entry of the layout called name.
func checkTarEntry(name string, header *tar.Header) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", diag.Invalidf("%s is not a usable OCI layout: the entry %q %s", name, header.Name, fmt.Sprintf(format, args...))
	}
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeXGlobalHeader:
	case tar.TypeSymlink, tar.TypeLink:
		return refuse("is a link")
	default:
		return refuse("is neither a file nor a directory")
	}
	for key := range header.PAXRecords {
		// The content of a sparse file is not what is in the tar.
		if strings.HasPrefix(key, "GNU.sparse.") {
			return refuse("is a sparse file")
		}
		// Go ignores it, but other readers rename the following files.
		if header.Typeflag == tar.TypeXGlobalHeader && key != "comment" {
			return refuse("is a global header with the record %q, which readers treat differently", key)
		}
	}
	for part := range strings.SplitSeq(header.Name, "/") {
		if part == ".." {
			return refuse(`has ".." in its path`)
		}
	}
	// Nothing is extracted by name, so the leading slashes that pack writes are
	// harmless.
	return path.Clean(strings.TrimLeft(header.Name, "/")), nil
}

// maxPadding limits what follows the end-of-archive marker: zeros, up to the
// next multiple of a block that may be some megabytes long.
const maxPadding = 16 << 20

// checkEnd returns an error for data after the end of the archive, because some
// readers would read a second archive there.
func checkEnd(name string, r io.Reader) error {
	block := make([]byte, 64*tarBlock)
	for read := 0; ; {
		n, err := r.Read(block)
		read += n
		if bytes.ContainsFunc(block[:n], func(r rune) bool { return r != 0 }) || read > maxPadding {
			return diag.Invalidf("%s is not a usable OCI layout: data follows the end of the tar", name)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
	}
}

// tarError returns the error for a failure of tar.Reader in the file called
// name after count valid entries.
func tarError(name string, count int, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return diag.Invalidf("%s is truncated: it ends in the middle of the tar", name)
	case errors.Is(err, tar.ErrHeader) && count == 0:
		return diag.Invalidf("%s is not a tar file; expected an uncompressed tar of an OCI layout", name)
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong):
		return diag.Invalidf("%s is damaged: the data after entry %d is not a tar header", name, count)
	}
	return fmt.Errorf("reading %s: %w", name, err)
}

func (s *tarStore) readFile(file string, limit int64) ([]byte, error) {
	at, ok := s.files[file]
	if !ok {
		return nil, diag.Invalidf("%s is not an OCI layout: it has no %s file", s.name, file)
	}
	return readAtMost(io.NewSectionReader(s.file, at.offset, at.size), s.name, file, limit)
}

func (s *tarStore) RawIndex(context.Context) ([]byte, error) { return bytes.Clone(s.raw), nil }

func (s *tarStore) Index(context.Context) (v1.Index, error) { return parseIndex(s.name, s.raw) }

func (s *tarStore) Fetch(_ context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	name, err := blobPath(s, desc)
	if err != nil {
		return nil, err
	}
	if at, ok := s.files[name]; ok {
		return io.NopCloser(io.NewSectionReader(s.file, at.offset, at.size)), nil
	}
	return fetchIndexFile(s.raw, s.sum(), desc)
}

func (s *tarStore) Exists(_ context.Context, desc v1.Descriptor) (bool, error) {
	name, err := blobPath(s, desc)
	if err != nil {
		return false, err
	}
	_, ok := s.files[name]
	return ok, nil
}

// SourceName implements [oci.Namer].
func (s *tarStore) SourceName(v1.Descriptor) string { return s.name }

func (s *tarStore) Close() error {
	if c, ok := s.file.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
