package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// manifest is one manifest or index, whole.
type manifest struct {
	desc v1.Descriptor
	data []byte
	// below are what it points at directly.
	below []digest.Digest
}

// graph is all that a root points at, each piece once.
type graph struct {
	blobs []v1.Descriptor
	// levels holds the manifests so that each points only at earlier levels;
	// the last level is the root alone.
	levels [][]manifest
	root   manifest
}

// links are the fields through which any manifest points at others, whatever
// its media type: image manifests, indexes and artifacts, OCI's and Docker's.
type links struct {
	SchemaVersion int             `json:"schemaVersion"`
	Subject       *v1.Descriptor  `json:"subject"`
	Manifests     []v1.Descriptor `json:"manifests"`
	Config        *v1.Descriptor  `json:"config"`
	Layers        []v1.Descriptor `json:"layers"`
	Blobs         []v1.Descriptor `json:"blobs"`
}

// walker collects a graph.
type walker struct {
	ctx    context.Context
	src    content.ReadOnlyStorage
	graph  graph
	levels map[digest.Digest]int // of manifests seen
	blobs  map[digest.Digest]bool
}

// readGraph walks everything below root and fails when a piece is missing, so
// that nothing is written of content that is not all there.
//
// oras-go's content.Successors is not used as it finds nothing below media
// types it does not know, and cannot tell a subject, which may be elsewhere
// (image-spec, "Image Manifest Property Descriptions"), from a child, which
// may not.
func readGraph(ctx context.Context, src content.ReadOnlyStorage, root v1.Descriptor) (*graph, error) {
	w := &walker{ctx: ctx, src: src, levels: map[digest.Digest]int{}, blobs: map[digest.Digest]bool{}}
	data, doc, err := w.read(root)
	if err != nil {
		return nil, err
	}
	if doc == nil {
		return nil, fmt.Errorf("%s (%s) is not a manifest: %w", root.Digest, root.MediaType, ErrCorrupt)
	}
	if _, err := w.manifest(root, data, doc, 0); err != nil {
		return nil, err
	}
	w.graph.root = manifest{desc: root, data: data}
	return &w.graph, nil
}

// manifest adds a manifest and what is below it, and gives its level.
func (w *walker) manifest(desc v1.Descriptor, data []byte, doc *links, depth int) (int, error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("%s is nested more than %d levels deep: %w", desc.Digest, maxDepth, ErrTooLarge)
	}
	children := doc.Manifests
	if doc.Subject != nil {
		ok, err := w.exists(*doc.Subject)
		if err != nil {
			return 0, err
		}
		if ok {
			children = append(slices.Clip(children), *doc.Subject)
		}
	}
	level := 0
	for _, child := range children {
		below, err := w.child(child, depth+1)
		if err != nil {
			return 0, fmt.Errorf("below %s: %w", desc.Digest, err)
		}
		level = max(level, below+1)
	}
	blobs := append(slices.Clip(doc.Layers), doc.Blobs...)
	if doc.Config != nil {
		blobs = append(blobs, *doc.Config)
	}
	for _, blob := range blobs {
		if err := w.blob(blob); err != nil {
			return 0, fmt.Errorf("below %s: %w", desc.Digest, err)
		}
	}
	w.levels[desc.Digest] = level
	for len(w.graph.levels) <= level {
		w.graph.levels = append(w.graph.levels, nil)
	}
	w.graph.levels[level] = append(w.graph.levels[level], manifest{desc, data, digests(children, blobs)})
	return level, nil
}

func digests(lists ...[]v1.Descriptor) []digest.Digest {
	var all []digest.Digest
	for _, list := range lists {
		for _, desc := range list {
			all = append(all, desc.Digest)
		}
	}
	return all
}

// child adds what an index lists, and gives its level, -1 for a blob: an index
// of type unknown to us may list anything.
func (w *walker) child(desc v1.Descriptor, depth int) (int, error) {
	if level, ok := w.levels[desc.Digest]; ok {
		return level, nil
	}
	data, doc, err := w.read(desc)
	if err != nil {
		return 0, err
	}
	if doc == nil {
		return -1, w.blob(desc)
	}
	return w.manifest(desc, data, doc, depth)
}

// read gives a manifest, or a nil document for what turns out to be a blob: a
// layer or config by its type, or of a type we do not know and without the
// schemaVersion every manifest has.
func (w *walker) read(desc v1.Descriptor) ([]byte, *links, error) {
	if err := checkDescriptor(desc); err != nil {
		return nil, nil, err
	}
	known := slices.Contains(manifestTypes, desc.MediaType)
	if !known && (isBlobType(desc.MediaType) || desc.Size > MaxManifestSize) {
		return nil, nil, nil
	}
	if desc.Size > MaxManifestSize {
		return nil, nil, fmt.Errorf("%s: %w", desc.Digest, tooLarge(desc.Size))
	}
	data, err := content.FetchAll(w.ctx, w.src, desc)
	if err != nil {
		return nil, nil, fmt.Errorf("reading manifest %s: %w", desc.Digest, err)
	}
	doc := &links{}
	err = json.Unmarshal(data, doc)
	switch {
	case !known && (err != nil || doc.SchemaVersion == 0):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("reading manifest %s: %w: %w", desc.Digest, err, ErrCorrupt)
	}
	return data, doc, nil
}

func isBlobType(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.") ||
		strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.") ||
		mediaType == v1.MediaTypeImageConfig || mediaType == "application/vnd.docker.container.image.v1+json"
}

// isForeign reports a layer that its readers get from elsewhere, as those of
// older Windows images (image-spec, "Non-Distributable Layers").
func isForeign(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.nondistributable.") ||
		strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.foreign.")
}

func (w *walker) blob(desc v1.Descriptor) error {
	if err := checkDescriptor(desc); err != nil {
		return err
	}
	if w.blobs[desc.Digest] {
		return nil
	}
	ok, err := w.exists(desc)
	if err != nil {
		return err
	}
	w.blobs[desc.Digest] = true
	switch {
	case !ok && isForeign(desc.MediaType):
		return nil
	case !ok:
		return fmt.Errorf("blob %s (%s): %w", desc.Digest, desc.MediaType, ErrNotFound)
	}
	w.graph.blobs = append(w.graph.blobs, desc)
	return nil
}

func (w *walker) exists(desc v1.Descriptor) (bool, error) {
	ok, err := w.src.Exists(w.ctx, desc)
	if err != nil {
		return false, fmt.Errorf("looking for %s: %w", desc.Digest, err)
	}
	return ok, nil
}

// checkDescriptor refuses what could not be verified, or would panic when it
// is.
func checkDescriptor(desc v1.Descriptor) error {
	if err := desc.Digest.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w: %w", cleanText(desc.Digest.String()), err, ErrCorrupt)
	}
	if desc.Size < 0 {
		return fmt.Errorf("%s has size %d: %w", desc.Digest, desc.Size, ErrCorrupt)
	}
	return nil
}
