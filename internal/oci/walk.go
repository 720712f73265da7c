package oci

import (
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// Annotations by which BuildKit's index children say that they are an
// attestation and what they attest (BuildKit docs/attestations/attestation-storage.md).
const (
	AnnotationReferenceType   = "vnd.docker.reference.type"
	AnnotationReferenceDigest = "vnd.docker.reference.digest"
	// ReferenceTypeAttestation is the value of AnnotationReferenceType.
	ReferenceTypeAttestation = "attestation-manifest"
)

// Kind is the kind of a [Node], determined by its descriptor.
type Kind int

const (
	// KindIndex is an index or manifest list.
	KindIndex Kind = iota
	// KindImage is the manifest of an image.
	KindImage
	// KindAttestation is the manifest of an attestation of an image.
	KindAttestation
	// KindOther is any other entry of an index: artifacts, unknown types.
	KindOther
)

// Node is one descriptor under a root.
type Node struct {
	Kind       Kind
	Descriptor v1.Descriptor
	// Parents are the digests of the parent indexes, the root first.
	Parents []digest.Digest
	// Index and Raw are the document of a KindIndex that could be read.
	Index *v1.Index
	Raw   []byte
}

// WalkFunc is called for each node, an index before its entries. As with
// [io/fs.WalkDirFunc], err is why an index could not be read, and returning nil
// continues with its siblings.
type WalkFunc func(n Node, err error) error

// Walk visits root and, if it is an index, everything listed under it, in
// order. It reads indexes but no manifests. Entries that are listed twice are
// visited twice.
func Walk(ctx context.Context, src content.Fetcher, root v1.Descriptor, visit WalkFunc) error {
	w := walker{ctx: ctx, src: src, visit: visit, read: map[digest.Digest]*readIndex{}}
	return w.walk(root, nil)
}

type walker struct {
	ctx   context.Context
	src   content.Fetcher
	visit WalkFunc
	count int
	// read are the indexes that were read: one may be listed many times.
	read map[digest.Digest]*readIndex
}

type readIndex struct {
	index v1.Index
	raw   []byte
}

func (w *walker) index(desc v1.Descriptor) (*v1.Index, []byte, error) {
	if r := w.read[desc.Digest]; r != nil && int64(len(r.raw)) == desc.Size {
		return &r.index, r.raw, nil
	}
	index, raw, err := ReadIndex(w.ctx, w.src, desc)
	if err == nil {
		w.read[desc.Digest] = &readIndex{index, raw}
	}
	return &index, raw, err
}

func (w *walker) walk(desc v1.Descriptor, parents []digest.Digest) error {
	if w.count++; w.count > MaxNodes {
		return Errorf(w.src, desc, ErrTooLarge, "exceeds the limit of %d entries below one root", MaxNodes)
	}
	node := Node{Kind: KindOf(desc), Descriptor: desc, Parents: parents}
	if node.Kind != KindIndex {
		return w.visit(node, nil)
	}
	if len(parents) >= MaxDepth {
		return w.visit(node, Errorf(w.src, desc, ErrTooLarge, "is nested too deep: the limit is %d indexes", MaxDepth))
	}
	if slices.Contains(parents, desc.Digest) {
		return w.visit(node, Errorf(w.src, desc, ErrMalformed, "contains itself"))
	}
	index, raw, err := w.index(desc)
	if err != nil {
		var broken *ContentError
		if !errors.As(err, &broken) {
			return err
		}
		return w.visit(node, err)
	}
	node.Index, node.Raw = index, raw
	if err := w.visit(node, nil); err != nil {
		return err
	}
	// A fresh slice for each index: nodes keep theirs.
	below := append(slices.Clone(parents), desc.Digest)
	for _, child := range index.Manifests {
		if err := w.walk(child, below); err != nil {
			return err
		}
	}
	return nil
}

// KindOf returns the kind of a descriptor.
func KindOf(desc v1.Descriptor) Kind {
	switch {
	case IsIndex(desc.MediaType):
		return KindIndex
	case !IsManifest(desc.MediaType):
		return KindOther
	case desc.Annotations[AnnotationReferenceType] == ReferenceTypeAttestation:
		return KindAttestation
	case desc.Annotations[AnnotationReferenceType] != "",
		desc.ArtifactType != "" && desc.Platform == nil,
		desc.Platform != nil && desc.Platform.OS == "unknown" && desc.Platform.Architecture == "unknown":
		return KindOther
	}
	return KindImage
}

// Images returns the images under root and, separately, the attestations about
// them.
func Images(ctx context.Context, src content.Fetcher, root v1.Descriptor) (images, attestations []v1.Descriptor, err error) {
	err = Walk(ctx, src, root, func(n Node, err error) error {
		switch {
		case err != nil:
			return err
		case n.Kind == KindImage:
			images = append(images, n.Descriptor)
		case n.Kind == KindAttestation:
			attestations = append(attestations, n.Descriptor)
		}
		return nil
	})
	return images, attestations, err
}
