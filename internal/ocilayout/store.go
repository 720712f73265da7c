package ocilayout

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// Store is a readable OCI image layout. It is safe for concurrent use. Besides
// its blobs it returns its index.json by digest, so that a layout that lists
// images directly has a root too.
//
// Fetch does not verify content; see [oci.FetchVerified].
type Store interface {
	content.ReadOnlyStorage
	// Index returns the parsed index.json.
	Index(ctx context.Context) (v1.Index, error)
	// RawIndex returns the bytes of index.json.
	RawIndex(ctx context.Context) ([]byte, error)
	// Close closes the store. Its readers cannot be used afterwards.
	Close() error
}

// Open opens a layout directory or a tar file of a layout for reading. It
// returns a [diag.InvalidError] for anything else. It does not read blobs.
func Open(path string) (Store, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening OCI layout: %w", err)
	}
	switch {
	case info.IsDir():
		return OpenDir(path)
	case info.Mode().IsRegular():
		return openTar(path)
	}
	return nil, diag.Invalidf("%s is neither an OCI layout directory nor a file", path)
}

// Root returns the descriptor of the whole layout: the index that index.json
// lists, alone (as build tools write it) or with its own manifests (as oras
// does), else index.json itself, as in package files.
func Root(ctx context.Context, s Store) (v1.Descriptor, error) {
	raw, err := s.RawIndex(ctx)
	if err != nil {
		return v1.Descriptor{}, err
	}
	index, err := s.Index(ctx)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if root, ok, err := listedRoot(ctx, s, index.Manifests); err != nil || ok {
		return root, err
	}
	mediaType := index.MediaType
	if !oci.IsIndex(mediaType) {
		mediaType = v1.MediaTypeImageIndex
	}
	return content.NewDescriptorFromBytes(mediaType, raw), nil
}

// listedRoot returns the only index among the entries of an index.json, and
// whether the other entries are manifests that it lists too.
func listedRoot(ctx context.Context, s Store, entries []v1.Descriptor) (root v1.Descriptor, ok bool, err error) {
	at := slices.IndexFunc(entries, func(d v1.Descriptor) bool { return oci.IsIndex(d.MediaType) })
	if at < 0 {
		return root, false, nil
	}
	if len(entries) == 1 {
		return entries[0], true, nil
	}
	index, _, err := oci.ReadIndex(ctx, s, entries[at])
	if err != nil {
		return root, false, err
	}
	for i, entry := range entries {
		if i != at && !slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Digest == entry.Digest }) {
			return root, false, nil
		}
	}
	return entries[at], true, nil
}

// checkLayoutFile checks the oci-layout file of the layout called name.
func checkLayoutFile(name string, data []byte) error {
	var layout v1.ImageLayout
	if err := oci.Decode(data, &layout); err != nil {
		return diag.Invalidf("%s is not an OCI layout: its oci-layout file is not valid: %v", name, err)
	}
	if layout.Version != v1.ImageLayoutVersion {
		return diag.Invalidf("%s is an OCI layout of version %q; only %s is known", name, layout.Version, v1.ImageLayoutVersion)
	}
	return nil
}

// parseIndex parses the index.json of the layout called name.
func parseIndex(name string, data []byte) (v1.Index, error) {
	var index v1.Index
	if err := oci.Decode(data, &index); err != nil {
		return index, diag.Invalidf("%s is not an OCI layout: its index.json is not valid: %v", name, err)
	}
	return index, nil
}

// readAtMost reads a file of at most limit bytes of the layout called name.
func readAtMost(r io.Reader, name, file string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", file, name, err)
	}
	if int64(len(data)) > limit {
		return nil, diag.Invalidf("%s cannot be read: its %s is larger than %d bytes", name, file, limit)
	}
	return data, nil
}

// blobPath returns the path of a blob inside a layout (image-layout.md, "Blobs").
func blobPath(src any, desc v1.Descriptor) (string, error) {
	if err := oci.CheckDescriptor(src, desc); err != nil {
		return "", err
	}
	return path.Join(v1.ImageBlobsDir, desc.Digest.Algorithm().String(), desc.Digest.Encoded()), nil
}

// fetchIndexFile returns index.json, whose digest is sum, by digest; see
// [Store].
func fetchIndexFile(raw []byte, sum digest.Digest, desc v1.Descriptor) (io.ReadCloser, error) {
	if sum != desc.Digest {
		return nil, fmt.Errorf("%s: %w", desc.Digest, oci.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

// Named returns the entries of an index.json. A single entry gets the name ref
// (annotations.md, "org.opencontainers.image.ref.name"), by which tools such as
// skopeo find it. Several entries are parts of a package and get none.
func Named(manifests []v1.Descriptor, ref string) []v1.Descriptor {
	if ref == "" || len(manifests) != 1 {
		return manifests
	}
	desc := manifests[0]
	desc.Annotations = maps.Clone(desc.Annotations)
	if desc.Annotations == nil {
		desc.Annotations = map[string]string{}
	}
	desc.Annotations[v1.AnnotationRefName] = ref
	return []v1.Descriptor{desc}
}
