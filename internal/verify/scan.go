package verify

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/ocilayout"
)

// Limits on layers. There is none on their size: layers of several gigabytes
// are real, and streaming one takes time but no memory. What is bounded is the
// work that a small layer can cause, and what is kept of each entry. Gzip packs
// a thousandfold at best and real files tenfold, so once a layer has given
// bombGrace bytes it may not be beyond bombRatio times what was read of it.
const (
	bombGrace = 256 << 20
	bombRatio = 200
	// maxEntries and maxNameBytes bound the list of a layer's files.
	maxEntries   = 500_000
	maxNameBytes = 64 << 20
	// maxWindow bounds zstd's memory; it is what "zstd --long" asks for.
	maxWindow = 128 << 20
	// maxDescriptorBytes is the largest extension.toml that is read.
	maxDescriptorBytes = 1 << 20
)

// scan is what one pass over a layer gives. It belongs to the layer, whatever
// image it is in.
type scan struct {
	// problem is the ID of the check that the layer as such fails, with its
	// message; the other fields are empty then.
	problem, message string

	diffID  digest.Digest
	entries []*entry
}

// entry is one entry of a layer.
type entry struct {
	// raw is the name as it stands in the tar; name is it without "./", leading
	// and trailing "/".
	raw, name string
	kind      byte
	// mode holds the permission, setuid, setgid and sticky bits as in tar.
	mode int64
	link string
	size int64
	// capabilities is whether the file has Linux file capabilities.
	capabilities bool
	exe          *executable
	// fault is what is wrong with an executable that is no program.
	fault *notRunnable
	// data is the content of a wanted file, nil when it is too large.
	data []byte
}

// errBomb stops reading a layer.
var errBomb = errors.New("the layer expands too far")

// scanLayer streams a layer once: it verifies what is stored, hashes what it
// expands to and lists what is in it, keeping the content of the files in
// wanted. Only trouble with reading is an error.
func scanLayer(ctx context.Context, src content.Fetcher, desc v1.Descriptor, wanted map[string]bool) (*scan, error) {
	rc, err := ocilayout.FetchVerified(ctx, src, desc)
	if err != nil {
		return failedScan(idContent, err)
	}
	defer rc.Close()
	stored := &trackedReader{r: rc}
	s, err := expand(stored, desc, wanted)
	if err == nil || !errors.Is(err, errBomb) {
		// Whatever follows the compressed data belongs to the digest. And when
		// the data made no sense, a wrong digest says why.
		_, _ = io.Copy(io.Discard, stored)
	}
	switch {
	case stored.err != nil:
		return failedScan(idContent, stored.err)
	case errors.As(err, new(*localError)):
		return nil, err
	case errors.Is(err, errBomb):
		return &scan{problem: idLayerBomb, message: fmt.Sprintf("layer %s: %v", desc.Digest, err)}, nil
	case err != nil:
		return &scan{problem: idLayerFormat, message: fmt.Sprintf("layer %s: %v", desc.Digest, err)}, nil
	}
	return s, nil
}

func failedScan(id string, err error) (*scan, error) {
	if !diag.IsInvalid(err) {
		return nil, err
	}
	return &scan{problem: id, message: err.Error()}, nil
}

// expand reads the layer that stored gives.
func expand(stored *trackedReader, desc v1.Descriptor, wanted map[string]bool) (*scan, error) {
	plain, err := decompress(stored, desc.MediaType)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	hash := digest.SHA256.Digester()
	expanded := io.TeeReader(&bombGuard{r: plain, stored: stored}, hash.Hash())
	s := &scan{}
	if err := s.list(tar.NewReader(expanded), wanted); err != nil {
		return nil, err
	}
	// Padding after the last entry belongs to the diffID.
	if _, err := io.Copy(io.Discard, expanded); err != nil {
		return nil, err
	}
	s.diffID = hash.Digest()
	return s, nil
}

func (s *scan) list(tr *tar.Reader, wanted map[string]bool) error {
	names, head := 0, make([]byte, headBytes)
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading entry %d: %w", len(s.entries)+1, err)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		names += len(header.Name) + len(header.Linkname)
		if len(s.entries) == maxEntries || names > maxNameBytes {
			return fmt.Errorf("%w: more than %d files or %d bytes of names", errBomb, maxEntries, maxNameBytes)
		}
		e := &entry{
			raw: header.Name, name: strings.TrimPrefix(path.Clean("/"+header.Name), "/"),
			kind: header.Typeflag, mode: header.Mode, link: header.Linkname, size: header.Size,
		}
		_, e.capabilities = header.PAXRecords["SCHILY.xattr.security.capability"]
		s.entries = append(s.entries, e)
		if e.kind != tar.TypeReg {
			continue
		}
		if err := e.read(tr, head, wanted[e.name]); err != nil {
			return fmt.Errorf("reading %q: %w", e.raw, err)
		}
	}
}

// read takes from a file what the checks need; head is room for its beginning.
func (e *entry) read(r io.Reader, head []byte, wanted bool) error {
	head = head[:min(e.size, headBytes)]
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	e.exe = readExecutable(head)
	switch {
	case e.exe != nil && e.exe.machine.machine == elf.EM_ARM:
		var err error
		e.exe.version, err = readARM(io.MultiReader(bytes.NewReader(head), r), e.size)
		return err
	case e.exe == nil && e.isExecutable():
		e.fault = readScript(head)
	}
	if !wanted || e.size > maxDescriptorBytes {
		return nil
	}
	rest, err := io.ReadAll(r)
	e.data = slices.Concat(head, rest)
	return err
}

// decompress opens a layer as its media type says. Readers differ in whether
// they go by the media type or by the content, so both have to agree.
func decompress(r io.Reader, mediaType string) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	found := "no"
	switch {
	case strings.HasPrefix(string(head), "\x1f\x8b"):
		found = "gzip"
	case string(head) == "\x28\xb5\x2f\xfd":
		found = "zstd"
	}
	if want := compressionOf(mediaType); found != want {
		return nil, fmt.Errorf("it has %s compression, but its media type %q says %s", found, mediaType, want)
	}
	switch found {
	case "gzip":
		return gzip.NewReader(buffered)
	case "zstd":
		d, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(buffered), nil
}

func compressionOf(mediaType string) string {
	switch {
	case strings.HasSuffix(mediaType, "gzip"):
		return "gzip"
	case strings.HasSuffix(mediaType, "zstd"):
		return "zstd"
	}
	return "no"
}

// trackedReader counts, and remembers why reading failed: the layers of readers
// above it do not all pass that on.
type trackedReader struct {
	r    io.Reader
	read int64
	err  error
}

func (t *trackedReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

// bombGuard stops when a layer expands beyond reason.
type bombGuard struct {
	r        io.Reader
	stored   *trackedReader
	expanded int64
}

func (g *bombGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.expanded += int64(n)
	if g.expanded > bombGrace && g.expanded/bombRatio > g.stored.read {
		return n, fmt.Errorf("%w: %d bytes gave more than %d, over %d times as many", errBomb, g.stored.read, g.expanded, bombRatio)
	}
	return n, err
}
