package oci

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"
)

// Document is a manifest or index of a [Graph].
type Document struct {
	Descriptor v1.Descriptor
	Raw        []byte
	// Refs are the digests that it refers to directly.
	Refs []digest.Digest
}

// Graph is all content below its roots, without duplicates.
type Graph struct {
	// Levels are the documents, sorted so that each refers only to documents
	// of earlier levels.
	Levels [][]Document
	// Blobs is all other content.
	Blobs []v1.Descriptor
}

// Descriptors returns all content, documents first.
func (g *Graph) Descriptors() []v1.Descriptor {
	var all []v1.Descriptor
	for _, level := range slices.Backward(g.Levels) {
		for _, d := range level {
			all = append(all, d.Descriptor)
		}
	}
	return append(all, g.Blobs...)
}

// ReadGraph reads the documents below the roots. It returns an error if content
// is missing, so that incomplete content is not copied. It does not read blobs.
//
// oras-go's content.Successors finds nothing below media types it does not
// know, and does not distinguish a subject, which may be elsewhere (image-spec,
// "Image Manifest Property Descriptions"), from a child, which may not.
func ReadGraph(ctx context.Context, src content.ReadOnlyStorage, roots ...v1.Descriptor) (*Graph, error) {
	r := &graphReader{ctx: ctx, src: src, levels: map[digest.Digest]int{}, sizes: map[digest.Digest]int64{}}
	for _, root := range roots {
		if _, err := r.child(root, 0); err != nil {
			return nil, err
		}
	}
	return &r.graph, r.findBlobs()
}

// findBlobs checks side by side that the blobs exist, and leaves out foreign
// ones that do not. It returns the error of the first blob that has one.
func (r *graphReader) findBlobs() error {
	found := make([]bool, len(r.graph.Blobs))
	errs := make([]error, len(r.graph.Blobs))
	var group errgroup.Group
	group.SetLimit(16)
	for i, desc := range r.graph.Blobs {
		group.Go(func() error {
			if errs[i] = context.Cause(r.ctx); errs[i] == nil {
				found[i], errs[i] = r.find(desc)
			}
			return errs[i]
		})
	}
	if group.Wait() != nil {
		return errs[slices.IndexFunc(errs, func(err error) bool { return err != nil })]
	}
	var blobs []v1.Descriptor
	for i, desc := range r.graph.Blobs {
		if found[i] {
			blobs = append(blobs, desc)
		}
	}
	r.graph.Blobs = blobs
	return nil
}

func (r *graphReader) find(desc v1.Descriptor) (bool, error) {
	ok, err := r.exists(desc)
	if err == nil && !ok && !IsForeign(desc.MediaType) {
		err = Errorf(r.src, desc, ErrNotFound, "is missing")
	}
	return ok, err
}

// references are the fields by which a manifest of any media type refers to
// content: image manifests, indexes and artifacts, of OCI and Docker.
type references struct {
	SchemaVersion int             `json:"schemaVersion"`
	Subject       *v1.Descriptor  `json:"subject"`
	Manifests     []v1.Descriptor `json:"manifests"`
	Config        *v1.Descriptor  `json:"config"`
	Layers        []v1.Descriptor `json:"layers"`
	Blobs         []v1.Descriptor `json:"blobs"`
}

type graphReader struct {
	ctx    context.Context
	src    content.ReadOnlyStorage
	graph  Graph
	levels map[digest.Digest]int   // level of documents
	sizes  map[digest.Digest]int64 // size of all content
}

// child adds content of any kind, and returns its level, -1 for a blob.
func (r *graphReader) child(desc v1.Descriptor, depth int) (int, error) {
	if level, ok := r.levels[desc.Digest]; ok {
		_, err := r.isNew(desc)
		return level, err
	}
	raw, refs, err := r.read(desc)
	if err != nil {
		return 0, err
	}
	if refs == nil {
		return -1, r.blob(desc)
	}
	if depth > 2*MaxDepth || depth >= MaxDepth && len(refs.Manifests) > 0 {
		return 0, Errorf(r.src, desc, ErrTooLarge, "is nested too deep: the limit is %d indexes", MaxDepth)
	}
	if _, err := r.isNew(desc); err != nil {
		return 0, err
	}
	return r.document(desc, raw, refs, depth)
}

// isNew reports whether content was not seen before.
func (r *graphReader) isNew(desc v1.Descriptor) (bool, error) {
	switch size, ok := r.sizes[desc.Digest]; {
	case ok && size != desc.Size:
		return false, Errorf(r.src, desc, ErrCorrupt, "has descriptors with different sizes, %d and %d", size, desc.Size)
	case ok:
		return false, nil
	case len(r.sizes) == MaxNodes:
		return false, Errorf(r.src, desc, ErrTooLarge, "exceeds the limit of %d blobs below one root", MaxNodes)
	}
	r.sizes[desc.Digest] = desc.Size
	return true, nil
}

// document adds a document and everything below it, and returns its level.
func (r *graphReader) document(desc v1.Descriptor, raw []byte, refs *references, depth int) (int, error) {
	children := refs.Manifests
	if refs.Subject != nil {
		if err := CheckDescriptor(r.src, *refs.Subject); err != nil {
			return 0, err
		}
		ok, err := r.exists(*refs.Subject)
		if err != nil {
			return 0, err
		}
		if ok {
			children = append(slices.Clip(children), *refs.Subject)
		}
	}
	level := 0
	for _, child := range children {
		below, err := r.child(child, depth+1)
		if err != nil {
			return 0, err
		}
		level = max(level, below+1)
	}
	blobs := append(slices.Clip(refs.Layers), refs.Blobs...)
	if refs.Config != nil {
		blobs = append(blobs, *refs.Config)
	}
	for _, blob := range blobs {
		if err := r.blob(blob); err != nil {
			return 0, err
		}
	}
	r.levels[desc.Digest] = level
	for len(r.graph.Levels) <= level {
		r.graph.Levels = append(r.graph.Levels, nil)
	}
	r.graph.Levels[level] = append(r.graph.Levels[level], Document{desc, raw, digests(children, blobs)})
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

// read returns a document, or nil references for a blob: a layer or config by
// its type, or content of an unknown type without the schemaVersion that every
// manifest has.
func (r *graphReader) read(desc v1.Descriptor) ([]byte, *references, error) {
	if !IsDocument(desc.MediaType) && (IsBlob(desc.MediaType) || desc.Size > MaxManifestSize) {
		return nil, nil, nil
	}
	raw, err := ReadBytes(r.ctx, r.src, desc, MaxManifestSize)
	if err != nil {
		return nil, nil, err
	}
	refs := &references{}
	err = json.Unmarshal(raw, refs)
	if !IsDocument(desc.MediaType) {
		if err != nil || refs.SchemaVersion == 0 {
			return nil, nil, nil
		}
		return raw, refs, nil
	}
	if err == nil {
		err = CheckDocument(r.src, desc, raw)
	} else {
		err = Errorf(r.src, desc, ErrMalformed, "is not valid: %v", err)
	}
	return raw, refs, err
}

func (r *graphReader) blob(desc v1.Descriptor) error {
	if err := CheckDescriptor(r.src, desc); err != nil {
		return err
	}
	if ok, err := r.isNew(desc); err != nil || !ok {
		return err
	}
	r.graph.Blobs = append(r.graph.Blobs, desc)
	return nil
}

func (r *graphReader) exists(desc v1.Descriptor) (bool, error) {
	ok, err := r.src.Exists(r.ctx, desc)
	if broken := (*ContentError)(nil); err != nil && !errors.As(err, &broken) {
		err = About(desc, err, "looking for %s %s", Noun(desc.MediaType), desc.Digest)
	}
	return ok, err
}
