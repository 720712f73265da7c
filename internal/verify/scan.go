package verify

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
)

// Limits on what is kept of a layer; package layer limits how far it expands.
const (
	// maxEntries and maxNameBytes bound the list of a layer's files.
	maxEntries   = 500_000
	maxNameBytes = 64 << 20
	// maxDescriptorBytes is the largest extension.toml that is read.
	maxDescriptorBytes = extension.MaxSize
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
	exe          *executable.Program
	// fault is what is wrong with an executable that is no program.
	fault *executable.Fault
	// data is the content of a wanted file, nil when it is too large.
	data []byte
}

// scanLayer streams a layer once: it verifies what is stored, hashes what it
// expands to and lists what is in it, keeping the content of the files in
// wanted. ours is a layer that was built here. Only trouble with reading is an error.
func scanLayer(ctx context.Context, src content.Fetcher, desc v1.Descriptor, wanted map[string]bool, ours bool) (*scan, error) {
	rc, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return failedScan(idContent, err)
	}
	defer rc.Close()
	stored := layer.From(rc)
	stored.Ours = ours
	s, err := expand(stored, desc, wanted)
	if err == nil || !errors.Is(err, layer.ErrBomb) {
		// Whatever follows the compressed data belongs to the digest. And when
		// the data made no sense, a wrong digest says why.
		_, _ = io.Copy(io.Discard, stored)
	}
	switch {
	case stored.Err() != nil:
		return failedScan(idContent, stored.Err())
	case errors.As(err, new(*executable.LocalError)):
		return nil, err
	case errors.Is(err, layer.ErrBomb):
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

// expand reads the layer that stored gives. Readers differ in whether they go
// by the media type or by the content, so both have to agree.
func expand(stored *layer.Stored, desc v1.Descriptor, wanted map[string]bool) (*scan, error) {
	plain, err := stored.Expand()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if want := compressionOf(desc.MediaType); plain.Compression != want {
		return nil, fmt.Errorf("it has %s compression, but its media type %q says %s", plain.Compression, desc.MediaType, want)
	}
	hash := digest.SHA256.Digester()
	expanded := io.TeeReader(plain, hash.Hash())
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
	names, head := 0, make([]byte, executable.HeadBytes)
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
			return fmt.Errorf("%w: more than %d files or %d bytes of names", layer.ErrBomb, maxEntries, maxNameBytes)
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
	head = head[:min(e.size, executable.HeadBytes)]
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	e.exe = executable.Read(head)
	switch {
	case e.exe != nil && e.exe.IsARM():
		return e.exe.ReadARM(io.MultiReader(bytes.NewReader(head), r), e.size)
	case e.exe == nil && e.isExecutable():
		e.fault = executable.ReadScript(head)
	}
	if !wanted || e.size > maxDescriptorBytes {
		return nil
	}
	rest, err := io.ReadAll(r)
	e.data = slices.Concat(head, rest)
	return err
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
