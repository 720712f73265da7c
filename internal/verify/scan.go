package verify

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/oci"
)

const (
	// maxKeptFile and maxKept limit what is kept of files that are not wanted.
	maxKeptFile = 64 << 10
	maxKept     = 16 << 20
	// maxDescriptorBytes is the largest extension.toml that is read.
	maxDescriptorBytes = extension.MaxSize
)

// scan is the result of reading a layer. It is independent of the image.
type scan struct {
	// problem is the ID of a check that the layer itself fails, with its
	// message. The other fields are then empty.
	problem, message string

	diffID  digest.Digest
	entries []*entry
	// kept is the size of files that are kept although they are not wanted,
	// because a wanted name may be a link to one of them.
	kept int64
}

// scanLayer streams a layer once: it verifies the stored bytes, computes the
// diffID, lists the entries, and keeps the content of the files in wanted. ours
// is set for a layer that was built here: it is local, and is read once more if
// wanted files are links to others. It only returns an error if the layer cannot
// be read.
func scanLayer(ctx context.Context, src content.Fetcher, desc v1.Descriptor, wanted map[string]bool, ours bool) (*scan, error) {
	s, err := readLayer(ctx, src, desc, scanOptions{wanted: wanted, targets: !ours, ours: ours})
	if err == nil && ours && s.links(wanted) {
		return readLayer(ctx, src, desc, scanOptions{wanted: wanted, targets: true, ours: true})
	}
	return s, err
}

// scanOptions is what to keep of a layer.
type scanOptions struct {
	wanted map[string]bool
	// targets keeps other small files too, which wanted names may be links to.
	targets bool
	ours    bool
}

// links reports whether a wanted name is a link or below one.
func (s *scan) links(wanted map[string]bool) bool {
	for _, e := range s.entries {
		if e.kind != tar.TypeSymlink && e.kind != tar.TypeLink {
			continue
		}
		for name := range wanted {
			if above(e.name, name) {
				return true
			}
		}
	}
	return false
}

func readLayer(ctx context.Context, src content.Fetcher, desc v1.Descriptor, opts scanOptions) (*scan, error) {
	rc, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return failedScan(idContent, err)
	}
	defer rc.Close()
	stored := layer.From(rc)
	budget := oci.BudgetOf(ctx)
	if opts.ours {
		budget = nil
	}
	s, err := expand(stored, desc, opts, budget)
	var limit *oci.LimitError
	if err == nil || !errors.Is(err, layer.ErrBomb) && !errors.As(err, &limit) {
		// Data after the compressed data is part of the digest. Also, a wrong
		// digest explains invalid data.
		_, _ = io.Copy(io.Discard, stored)
	}
	switch {
	case stored.Err() != nil:
		return failedScan(idContent, stored.Err())
	case errors.As(err, new(*executable.LocalError)):
		return nil, err
	case limit != nil:
		return &scan{problem: idLimit, message: fmt.Sprintf("layer %s %v", desc.Digest, limit)}, nil
	case errors.Is(err, layer.ErrBomb):
		return &scan{problem: idLayerBomb, message: fmt.Sprintf("layer %s: %v", desc.Digest, err)}, nil
	case err != nil:
		return &scan{problem: idLayerFormat, message: fmt.Sprintf("layer %s: %v", desc.Digest, err)}, nil
	}
	return s, nil
}

func failedScan(id string, err error) (*scan, error) {
	if !isAtFault(err) {
		return nil, err
	}
	return &scan{problem: id, message: err.Error()}, nil
}

// expand reads the layer in stored. The compression must match the media type,
// because readers use either.
func expand(stored *layer.Stored, desc v1.Descriptor, opts scanOptions, budget *oci.Budget) (*scan, error) {
	plain, err := stored.Expand()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if want := compressionOf(desc.MediaType); plain.Compression != want {
		return nil, fmt.Errorf("it has %s compression, but its media type %q says %s", plain.Compression, desc.MediaType, want)
	}
	hash := digest.SHA256.Digester()
	expanded := io.TeeReader(budget.Reader(plain), hash.Hash())
	s := &scan{}
	if err := s.list(tar.NewReader(expanded), opts, budget); err != nil {
		return nil, err
	}
	// Padding after the last entry is part of the diffID.
	if err := readPadding(expanded); err != nil {
		return nil, err
	}
	s.diffID = hash.Digest()
	return s, nil
}

// readPadding reads the data after the end of the archive, which must be zeros,
// because some extractors read a second archive there.
func readPadding(r io.Reader) error {
	buf := make([]byte, 4<<10) // most have a few blocks of 512 bytes
	for {
		n, err := r.Read(buf)
		if len(bytes.Trim(buf[:n], "\x00")) > 0 {
			return errors.New("data follows the end of the tar")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *scan) list(tr *tar.Reader, opts scanOptions, budget *oci.Budget) error {
	head := make([]byte, executable.HeadBytes)
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading entry %d: %w", len(s.entries)+1, err)
		}
		if err := checkHeader(header); err != nil {
			return fmt.Errorf("entry %d: %w", len(s.entries)+1, err)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := budget.Entry(len(header.Name) + len(header.Linkname)); err != nil {
			return err
		}
		e := newEntry(header)
		s.entries = append(s.entries, e)
		if e.kind != tar.TypeReg {
			continue
		}
		wanted := opts.wanted[e.name]
		keep := wanted || opts.targets && e.size <= maxKeptFile && s.kept+e.size <= maxKept
		if keep && !wanted {
			s.kept += e.size
		}
		if err := e.read(tr, head, keep); err != nil {
			return fmt.Errorf("reading %q: %w", e.raw, err)
		}
	}
}

// checkHeader reports headers that extractors interpret differently.
func checkHeader(h *tar.Header) error {
	if h.Typeflag == tar.TypeGNUSparse {
		return fmt.Errorf("%q is a sparse file", h.Name)
	}
	for key := range h.PAXRecords {
		switch {
		case strings.HasPrefix(key, "GNU.sparse."):
			return fmt.Errorf("%q is a sparse file", h.Name)
		case h.Typeflag == tar.TypeXGlobalHeader && key != "comment": // as "git archive" writes it
			return fmt.Errorf("a global header sets %q for all files, which only some extractors apply", key)
		}
	}
	return nil
}

// read reads the parts of a file that the checks require. head is a buffer for
// its beginning.
func (e *entry) read(r io.Reader, head []byte, keep bool) error {
	head = head[:min(e.size, executable.HeadBytes)]
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	own := *e.rare
	defer func() { e.setRare(own) }()
	own.exe = executable.Read(head)
	switch {
	case own.exe != nil && own.exe.IsARM():
		return own.exe.ReadARM(io.MultiReader(bytes.NewReader(head), r), e.size)
	case own.exe == nil && e.isExecutable():
		own.fault = executable.ReadScript(head)
	}
	if e.size > lint.MaxSecretFile || !keep && bytes.IndexByte(head, 0) >= 0 {
		return nil
	}
	data := head
	if e.size > int64(len(head)) {
		rest, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		data = slices.Concat(head, rest)
	}
	own.secret = lint.FindSecret(data)
	if keep {
		own.data = slices.Clone(data)
	}
	return nil
}

func compressionOf(mediaType string) string {
	switch {
	case strings.HasSuffix(mediaType, "gzip"):
		return layer.Gzip
	case strings.HasSuffix(mediaType, "zstd"):
		return layer.Zstd
	}
	return layer.None
}
