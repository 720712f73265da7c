package ocilayout

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

// Kind tells what a [Node] is, judged by its descriptor alone.
type Kind int

const (
	// KindIndex is an index or manifest list.
	KindIndex Kind = iota
	// KindImage is the manifest of an image that may run somewhere.
	KindImage
	// KindAttestation is a manifest that says something about an image.
	KindAttestation
	// KindOther is what an index lists besides: artifacts, unknown types.
	KindOther
)

// Node is one descriptor under a root.
type Node struct {
	Kind       Kind
	Descriptor v1.Descriptor
	// Parents are the digests of the indexes above, the root first.
	Parents []digest.Digest
	// Index and Raw are the document of a KindIndex that could be read.
	Index *v1.Index
	Raw   []byte
}

// WalkFunc is called for each node, an index before what it lists. As with
// [io/fs.WalkDirFunc], err is why an index could not be read, and returning nil
// goes on with its siblings.
type WalkFunc func(n Node, err error) error

// Walk visits root and, when it is an index, everything listed under it, in
// order. It reads indexes, no manifests. What is listed twice is visited twice.
func Walk(ctx context.Context, src content.Fetcher, root v1.Descriptor, visit WalkFunc) error {
	w := walker{ctx: ctx, src: src, visit: visit}
	return w.walk(root, nil)
}

type walker struct {
	ctx   context.Context
	src   content.Fetcher
	visit WalkFunc
	count int
}

func (w *walker) walk(desc v1.Descriptor, parents []digest.Digest) error {
	if w.count++; w.count > MaxNodes {
		return contentErrorf(desc, ErrTooLarge, "is one entry too many: the limit is %d below one root", MaxNodes)
	}
	node := Node{Kind: KindOf(desc), Descriptor: desc, Parents: parents}
	if node.Kind != KindIndex {
		return w.visit(node, nil)
	}
	if len(parents) >= MaxDepth {
		return w.visit(node, contentErrorf(desc, ErrTooLarge, "is nested too deep: the limit is %d indexes", MaxDepth))
	}
	if slices.Contains(parents, desc.Digest) {
		return w.visit(node, contentErrorf(desc, ErrMalformed, "contains itself"))
	}
	index, raw, err := ReadIndex(w.ctx, w.src, desc)
	if err != nil {
		var broken *ContentError
		if !errors.As(err, &broken) {
			return err
		}
		return w.visit(node, err)
	}
	node.Index, node.Raw = &index, raw
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

// KindOf tells what a descriptor stands for.
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

// Images gives the images under root and, apart, the attestations about them.
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

// Reachable gives the blobs that root leads to, itself first, each once: the
// indexes and manifests it lists, their configs and layers. A manifest's
// subject is not followed, it says what the manifest is about and need not be
// there.
func Reachable(ctx context.Context, src content.Fetcher, root v1.Descriptor) ([]v1.Descriptor, error) {
	var blobs []v1.Descriptor
	seen := map[digest.Digest]int64{}
	queue := []v1.Descriptor{root}
	for len(queue) > 0 {
		desc := queue[0]
		queue = queue[1:]
		if size, ok := seen[desc.Digest]; ok {
			if size != desc.Size {
				return nil, contentErrorf(desc, ErrCorrupt, "is said to be %d bytes long, and %d elsewhere", desc.Size, size)
			}
			continue
		}
		if len(seen) == MaxNodes {
			return nil, contentErrorf(desc, ErrTooLarge, "is one blob too many: the limit is %d below one root", MaxNodes)
		}
		seen[desc.Digest] = desc.Size
		blobs = append(blobs, desc)
		next, err := children(ctx, src, desc)
		if err != nil {
			return nil, err
		}
		queue = append(queue, next...)
	}
	return blobs, nil
}

// children gives what desc directly leads to.
func children(ctx context.Context, src content.Fetcher, desc v1.Descriptor) ([]v1.Descriptor, error) {
	switch {
	case IsIndex(desc.MediaType):
		index, _, err := ReadIndex(ctx, src, desc)
		return index.Manifests, err
	case IsManifest(desc.MediaType):
		manifest, _, err := ReadManifest(ctx, src, desc)
		return append([]v1.Descriptor{manifest.Config}, manifest.Layers...), err
	}
	return nil, nil
}
