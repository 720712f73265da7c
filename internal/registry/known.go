package registry

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

const (
	// knownFor is how long an answer of a registry is used again. Content that a
	// registry had may be removed by its garbage collection, which spares what
	// is hours old.
	knownFor = time.Minute
	// maxKnownDocuments limits the documents that are kept in memory.
	maxKnownDocuments = 8 << 20
)

// known is what a run has seen in registries, so that nothing is asked twice. It
// has content by digest, never tags, and nothing that was not found.
type known struct {
	mu        sync.Mutex
	content   map[knownKey]knownContent
	documents int64
	// listed is what the manifests in content refer to, which the registry
	// probably has.
	listed map[knownKey]bool
}

type knownKey struct {
	repository string
	digest     digest.Digest
}

type knownContent struct {
	mediaType string
	size      int64
	seen      time.Time
	data      []byte // nil if it was not kept
}

// add records content that exists in a repository.
func (k *known) add(repository string, desc v1.Descriptor, data []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := knownKey{repository, desc.Digest}
	c := k.content[key]
	c.size, c.seen = desc.Size, time.Now()
	if desc.MediaType != "" {
		c.mediaType = desc.MediaType
	}
	if c.data == nil && data != nil && k.documents+int64(len(data)) <= maxKnownDocuments {
		c.data = data
		k.documents += int64(len(data))
		k.list(repository, desc.MediaType, data)
	}
	if k.content == nil {
		k.content = map[knownKey]knownContent{}
	}
	k.content[key] = c
}

// list records what a manifest refers to.
func (k *known) list(repository, mediaType string, data []byte) {
	var m v1.Manifest
	if !oci.IsManifest(mediaType) || json.Unmarshal(data, &m) != nil {
		return
	}
	if k.listed == nil {
		k.listed = map[knownKey]bool{}
	}
	k.listed[knownKey{repository, m.Config.Digest}] = true
	for _, layer := range m.Layers {
		k.listed[knownKey{repository, layer.Digest}] = true
	}
}

// isListed reports whether a manifest that was read refers to a blob.
func (k *known) isListed(repository string, d digest.Digest) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.listed[knownKey{repository, d}]
}

// has reports whether a repository had content of that digest and size recently.
func (k *known) has(repository string, desc v1.Descriptor) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, ok := k.content[knownKey{repository, desc.Digest}]
	return ok && c.size == desc.Size && time.Since(c.seen) < knownFor
}

// document returns verified content that was read before.
func (k *known) document(repository string, d digest.Digest) (v1.Descriptor, []byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.content[knownKey{repository, d}]
	return v1.Descriptor{MediaType: c.mediaType, Digest: d, Size: c.size}, c.data, c.data != nil
}

// knows records that the repository has content.
func (r *repository) knows(desc v1.Descriptor, data []byte) {
	r.client.known.add(r.ref.RepositoryName(), desc, data)
}
