package e2e_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layer"
)

// get fetches a document of the sandbox registry with a plain HTTP request, and
// checks its digest if the reference has one.
func get(t *testing.T, reference, kind string) (body []byte, header http.Header) {
	t.Helper()
	host, rest, _ := strings.Cut(reference, "/")
	repository, target, ok := strings.Cut(rest, "@")
	if !ok {
		i := strings.LastIndex(rest, ":")
		repository, target = rest[:i], rest[i+1:]
	} else if i := strings.LastIndex(repository, ":"); i >= 0 {
		repository = repository[:i]
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%s/v2/%s/%s/%s", host, repository, kind, target), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, accept := range []string{
		v1.MediaTypeImageIndex, v1.MediaTypeImageManifest,
		"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
	} {
		req.Header.Add("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s\n%s", req.URL, resp.Status, body)
	}
	if want, ok := strings.CutPrefix(target, "sha256:"); ok && want != sha(body) {
		t.Fatalf("GET %s: got content of sha256 %s", req.URL, sha(body))
	}
	return body, resp.Header
}

// exists reports whether a tag is there.
func exists(t *testing.T, reference string) bool {
	t.Helper()
	host, rest, _ := strings.Cut(reference, "/")
	i := strings.LastIndex(rest, ":")
	resp, err := http.Head(fmt.Sprintf("http://%s/v2/%s/manifests/%s", host, rest[:i], rest[i+1:]))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func parse[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return v
}

// published is an index as it is in the registry.
type published struct {
	index  v1.Index
	digest string
	images []publishedImage
}

type publishedImage struct {
	descriptor v1.Descriptor
	manifest   v1.Manifest
	config     v1.Image
	rawConfig  []byte
	files      map[string]tarEntry
	diffID     string
}

type tarEntry struct {
	*tar.Header
	content string
}

// fetch reads everything below a tag; attestations are left out.
func fetch(t *testing.T, reference string) published {
	t.Helper()
	raw, _ := get(t, reference, "manifests")
	p := published{index: parse[v1.Index](t, raw), digest: "sha256:" + sha(raw)}
	if len(p.index.Manifests) == 0 {
		// One image without an index.
		p.index.Manifests = []v1.Descriptor{{MediaType: p.index.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}}
	}
	i := strings.LastIndex(reference, ":")
	at := reference[:i] + "@"
	for _, desc := range p.index.Manifests {
		if desc.Annotations["vnd.docker.reference.type"] != "" {
			continue
		}
		image := publishedImage{descriptor: desc}
		rawManifest, _ := get(t, at+desc.Digest.String(), "manifests")
		image.manifest = parse[v1.Manifest](t, rawManifest)
		image.rawConfig, _ = get(t, at+image.manifest.Config.Digest.String(), "blobs")
		image.config = parse[v1.Image](t, image.rawConfig)
		if len(image.manifest.Layers) != 1 {
			t.Fatalf("%s has %d layers", desc.Digest, len(image.manifest.Layers))
		}
		layer, _ := get(t, at+image.manifest.Layers[0].Digest.String(), "blobs")
		image.files, image.diffID = untar(t, layer)
		p.images = append(p.images, image)
	}
	return p
}

// untar reads a layer, in the order of its entries.
func untar(t *testing.T, stored []byte) (files map[string]tarEntry, diffID string) {
	t.Helper()
	zr, err := layer.From(bytes.NewReader(stored)).Expand()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]tarEntry{}
	last := ""
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, "sha256:" + sha(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		// Folder by folder: what is in "a/" comes before "a.txt".
		if order := strings.ReplaceAll(strings.Trim(header.Name, "/"), "/", "\x00"); order < last {
			t.Errorf("layer entry %s comes too late", header.Name)
		} else {
			last = order
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = tarEntry{header, string(content)}
	}
}

// names lists what is in a layer, with modes and kinds: "-rwxr-xr-x cnb/…".
func (i publishedImage) names() map[string]string {
	out := map[string]string{}
	for name, e := range i.files {
		out[strings.TrimSuffix(name, "/")] = e.FileInfo().Mode().String()
	}
	return out
}

// platform returns "os/arch[/variant]" of a descriptor.
func (i publishedImage) platform() string {
	p := i.descriptor.Platform
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}
