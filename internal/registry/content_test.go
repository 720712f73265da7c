package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
)

const inTotoType = "application/vnd.in-toto+json"

// tree is content to publish, and its parts.
type tree struct {
	*memory.Store
	root      v1.Descriptor
	manifests []v1.Descriptor // without root
	blobs     []v1.Descriptor
}

func (c *tree) add(t *testing.T, mediaType string, data []byte) v1.Descriptor {
	t.Helper()
	desc := content.NewDescriptorFromBytes(mediaType, data)
	ok, err := c.Exists(t.Context(), desc)
	if err == nil && !ok {
		err = c.Push(t.Context(), desc, bytes.NewReader(data))
	}
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func (c *tree) blob(t *testing.T, mediaType, data string) v1.Descriptor {
	t.Helper()
	desc := c.add(t, mediaType, []byte(data))
	for _, b := range c.blobs {
		if b.Digest == desc.Digest {
			return desc
		}
	}
	c.blobs = append(c.blobs, desc)
	return desc
}

func (c *tree) manifest(t *testing.T, mediaType string, doc any) v1.Descriptor {
	t.Helper()
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return c.add(t, mediaType, data)
}

func (c *tree) image(t *testing.T, seed, arch string) v1.Descriptor {
	t.Helper()
	desc := c.manifest(t, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Config: c.blob(t, v1.MediaTypeImageConfig, `{"os":"linux","architecture":"`+arch+`","x":"`+seed+`"}`),
		Layers: []v1.Descriptor{
			c.blob(t, v1.MediaTypeImageLayerGzip, "shared by all platforms of "+seed),
			c.blob(t, v1.MediaTypeImageLayerGzip, strings.Repeat("layer of "+seed+" for "+arch+"\n", 4000)),
		},
	})
	desc.Platform = &v1.Platform{OS: "linux", Architecture: arch}
	return desc
}

// newTree makes an index of two images and an attestation of the first, whose
// subject is that image and whose layer has another type.
func newTree(t *testing.T, seed string) *tree {
	t.Helper()
	c := &tree{Store: memory.New()}
	amd64, arm64 := c.image(t, seed, "amd64"), c.image(t, seed, "arm64")
	subject := amd64
	subject.Platform = nil
	attestation := c.manifest(t, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Config:  c.blob(t, "application/vnd.example.unknown", "{}"),
		Layers:  []v1.Descriptor{c.blob(t, inTotoType, `{"_type":"https://in-toto.io/Statement/v1","seed":"`+seed+`"}`)},
		Subject: &subject,
	})
	attestation.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": amd64.Digest.String(),
	}
	// The attestation comes first, so that copying in the order of the index
	// would send it before its subject.
	c.manifests = []v1.Descriptor{attestation, amd64, arm64}
	c.root = c.manifest(t, v1.MediaTypeImageIndex, v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: c.manifests,
	})
	return c
}

// without hides content of a storage.
type without struct {
	content.ReadOnlyStorage
	hidden v1.Descriptor
}

func (w without) Exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	if desc.Digest == w.hidden.Digest {
		return false, nil
	}
	return w.ReadOnlyStorage.Exists(ctx, desc)
}

// replaced returns other content for a descriptor.
type replaced struct {
	content.ReadOnlyStorage
	desc v1.Descriptor
	open func() io.Reader
}

func (r replaced) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	if desc.Digest == r.desc.Digest {
		return io.NopCloser(r.open()), nil
	}
	return r.ReadOnlyStorage.Fetch(ctx, desc)
}
