package e2e_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layertest"
)

// registries are implementations of the distribution specification that do not
// come from one another: distribution, in the sandbox, and two that the test
// serves itself. They live as long as the test process.
var registries = sync.OnceValue(func() map[string]string {
	host := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	return map[string]string{
		"distribution":         world.Registry(),
		"ociregistry":          host(httptest.NewServer(ociserver.New(ocimem.New(), nil))),
		"go-containerregistry": host(httptest.NewServer(ggcr.New(ggcr.WithReferrersSupport(true), ggcr.Logger(log.New(io.Discard, "", 0))))),
	}
})

// inRegistry names the same repository and tag in another registry.
func inRegistry(reference, host string) string {
	return host + reference[strings.Index(reference, "/"):]
}

// contents is everything below a root, as it is stored.
type contents struct {
	root     []byte
	rootType string
	blobs    map[string][]byte // of documents too, by digest
}

// contentsOf reads what is at a reference, in a package file or in a layout
// directory, by plain HTTP, archive/tar and the file system.
func contentsOf(t *testing.T, name string) *contents {
	t.Helper()
	c := &contents{blobs: map[string][]byte{}}
	var blob func(kind, digest string) []byte
	if info, err := os.Stat(name); err != nil {
		raw, header := get(t, name, "manifests")
		c.root, c.rootType = raw, header.Get("Content-Type")
		at := name[:strings.LastIndex(name, ":")] + "@"
		blob = func(kind, digest string) []byte {
			raw, _ := get(t, at+digest, kind)
			return raw
		}
	} else {
		files := layoutFiles(t, name, info.IsDir())
		blob = func(_, digest string) []byte {
			raw := files["blobs/"+strings.Replace(digest, ":", "/", 1)]
			if "sha256:"+sha(raw) != digest {
				t.Fatalf("%s: blob %s has the content of %s", name, digest, sha(raw))
			}
			return raw
		}
		c.root, c.rootType = files["index.json"], v1.MediaTypeImageIndex
		if list := parse[v1.Index](t, c.root).Manifests; len(list) == 1 && isList(list[0].MediaType) {
			c.root, c.rootType = blob("", list[0].Digest.String()), list[0].MediaType
		}
	}
	c.walk(t, c.root, blob)
	return c
}

func isList(mediaType string) bool {
	return mediaType == v1.MediaTypeImageIndex || mediaType == dockerList
}

func (c *contents) walk(t *testing.T, raw []byte, blob func(kind, digest string) []byte) {
	t.Helper()
	doc := parse[struct {
		Manifests, Layers []v1.Descriptor
		Config            *v1.Descriptor
	}](t, raw)
	for _, d := range doc.Manifests {
		below := blob("manifests", d.Digest.String())
		c.blobs[d.Digest.String()] = below
		c.walk(t, below, blob)
	}
	if doc.Config != nil {
		doc.Layers = append(doc.Layers, *doc.Config)
	}
	for _, d := range doc.Layers {
		c.blobs[d.Digest.String()] = blob("blobs", d.Digest.String())
	}
}

// layoutFiles returns the files of a layout by name.
func layoutFiles(t *testing.T, name string, dir bool) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	if dir {
		for _, pattern := range []string{"*.json", "blobs/sha256/*"} {
			found, err := filepath.Glob(filepath.Join(name, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				rel, err := filepath.Rel(name, f)
				if err != nil {
					t.Fatal(err)
				}
				files[filepath.ToSlash(rel)] = readFile(t, f)
			}
		}
		return files
	}
	for r := tar.NewReader(bytes.NewReader(readFile(t, name))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[path.Clean(h.Name)], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// push stores the contents under a tag.
func (c *contents) push(t *testing.T, reference string) {
	t.Helper()
	c.pushBelow(t, reference, c.root)
	pushRaw(t, reference, reference[strings.LastIndex(reference, ":")+1:], c.rootType, c.root)
}

func (c *contents) pushBelow(t *testing.T, reference string, raw []byte) {
	t.Helper()
	doc := parse[struct {
		Manifests, Layers []v1.Descriptor
		Config            *v1.Descriptor
	}](t, raw)
	for _, d := range doc.Manifests {
		below := c.blobs[d.Digest.String()]
		c.pushBelow(t, reference, below)
		pushRaw(t, reference, "", d.MediaType, below)
	}
	if doc.Config != nil {
		doc.Layers = append(doc.Layers, *doc.Config)
	}
	for _, d := range doc.Layers {
		pushBlob(t, reference, d.MediaType, c.blobs[d.Digest.String()])
	}
}

// write stores the contents as a layout, whose index.json lists the root under
// a name as build tools do: in a directory, or in a file that ends in ".cnb".
func (c *contents) write(t *testing.T, name string) {
	t.Helper()
	root := v1.Descriptor{MediaType: c.rootType, Digest: digest.FromBytes(c.root), Size: int64(len(c.root)), Annotations: map[string]string{v1.AnnotationRefName: "1"}}
	index := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{root}}
	index.SchemaVersion = 2
	list, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": list,
		"blobs/sha256/" + sha(c.root): c.root,
	}
	for _, raw := range c.blobs {
		files["blobs/sha256/"+sha(raw)] = raw
	}
	if !strings.HasSuffix(name, ".cnb") {
		for file, raw := range files {
			writeFile(t, filepath.Join(name, file), string(raw))
		}
		return
	}
	var entries []tar.Header
	for file, raw := range files {
		entries = append(entries, tar.Header{Name: file, Mode: 0o644, Linkname: string(raw)})
	}
	if err := os.WriteFile(name, layertest.Headers(t, entries...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// flatImage is an image below a root, directly or through indexes.
type flatImage struct {
	descriptor v1.Descriptor
	manifest   v1.Manifest
	config     v1.Image
}

func (i flatImage) platform() string {
	p := i.descriptor.Platform
	if p == nil {
		return "none"
	}
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// flat returns the images and the attestations in order.
func (c *contents) flat(t *testing.T) (images, attestations []flatImage) {
	t.Helper()
	var visit func(raw []byte)
	visit = func(raw []byte) {
		for _, d := range parse[v1.Index](t, raw).Manifests {
			if isList(d.MediaType) {
				visit(c.blobs[d.Digest.String()])
				continue
			}
			m := parse[v1.Manifest](t, c.blobs[d.Digest.String()])
			i := flatImage{d, m, parse[v1.Image](t, c.blobs[m.Config.Digest.String()])}
			if d.Annotations["vnd.docker.reference.type"] != "" {
				attestations = append(attestations, i)
			} else {
				images = append(images, i)
			}
		}
	}
	visit(c.root)
	return images, attestations
}

// listing returns "platform digest" of the images.
func (c *contents) listing(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	images, _ := c.flat(t)
	for _, i := range images {
		b.WriteString(i.platform() + " " + i.descriptor.Digest.String() + "\n")
	}
	return b.String()
}
