package torture_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The checker. It shares no code with the product: what is in a registry is read
// by plain HTTP, hashed and decoded here.

// accept is the Accept header of a client that supports every kind of manifest.
const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
	"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"

// descriptor is the part of a descriptor that the checker needs.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

type manifest struct {
	MediaType string       `json:"mediaType"`
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
	Manifests []descriptor `json:"manifests"`
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// repository is a repository as the checker sees it, past the fault proxy.
type repository struct {
	base string // http://HOST
	name string
}

func (r repository) url(kind, what string) string {
	return r.base + "/v2/" + r.name + "/" + kind + "/" + what
}

func (r repository) get(kind, what string) (*http.Response, []byte, error) {
	return r.do(http.MethodGet, r.url(kind, what), "", nil)
}

func (r repository) do(method, url, contentType string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", accept)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, data, err
}

// tags returns the digests of all tags, and checks that each points at a
// complete package.
func (r repository) tags() (map[string]string, error) {
	resp, data, err := r.get("tags", "list")
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusNotFound {
		return map[string]string{}, nil
	}
	var list struct{ Tags []string }
	if err := json.Unmarshal(data, &list); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("listing tags: %s %.100s", resp.Status, data)
	}
	tags := map[string]string{}
	for _, tag := range list.Tags {
		resp, data, err := r.get("manifests", tag)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("tag %s: %s", tag, resp.Status)
		}
		tags[tag] = digestOf(data)
		if err := r.complete(descriptor{resp.Header.Get("Content-Type"), digestOf(data), int64(len(data))}, nil); err != nil {
			return nil, fmt.Errorf("tag %s points at an incomplete package: %w", tag, err)
		}
	}
	return tags, nil
}

// complete checks that a manifest and all that it points at are there with the
// right content. What is found is added to content, which may be nil.
func (r repository) complete(d descriptor, content map[string]stored) error {
	kind := "manifests"
	isManifest := strings.Contains(d.MediaType, "manifest") || strings.Contains(d.MediaType, "index")
	if !isManifest {
		kind = "blobs"
	}
	resp, data, err := r.get(kind, d.Digest)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || digestOf(data) != d.Digest || int64(len(data)) != d.Size {
		return fmt.Errorf("%s of %d bytes: %s with %d bytes of %s", d.Digest, d.Size, resp.Status, len(data), digestOf(data))
	}
	if isManifest {
		var m manifest
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("%s: %w", d.Digest, err)
		}
		if m.Config == nil && len(m.Manifests) == 0 {
			return fmt.Errorf("%s is neither an image nor an index", d.Digest)
		}
		children := slices.Concat(m.Layers, m.Manifests)
		if m.Config != nil {
			children = append(children, *m.Config)
		}
		for _, child := range children {
			if err := r.complete(child, content); err != nil {
				return err
			}
		}
	}
	if _, known := content[d.Digest]; content != nil && !known {
		content[d.Digest] = stored{d.MediaType, data, isManifest, len(content)}
	}
	return nil
}

// stored is content of a registry.
type stored struct {
	mediaType  string
	data       []byte
	isManifest bool
	order      int // children come before their parents
}

// snapshot is all of a repository.
type snapshot struct {
	content map[string]stored
	tags    map[string]string
}

func (r repository) snapshot() (snapshot, error) {
	s := snapshot{content: map[string]stored{}}
	var err error
	if s.tags, err = r.tags(); err != nil {
		return s, err
	}
	for tag, digest := range s.tags {
		resp, data, err := r.get("manifests", tag)
		if err != nil {
			return s, err
		}
		if err := r.complete(descriptor{resp.Header.Get("Content-Type"), digest, int64(len(data))}, s.content); err != nil {
			return s, err
		}
	}
	return s, nil
}

// restore fills an empty repository.
func (r repository) restore(s snapshot) error {
	digests := slices.SortedFunc(maps.Keys(s.content), func(a, b string) int { return s.content[a].order - s.content[b].order })
	for _, digest := range digests {
		c := s.content[digest]
		if c.isManifest {
			if err := r.put(r.url("manifests", digest), c.mediaType, c.data); err != nil {
				return err
			}
			continue
		}
		resp, _, err := r.do(http.MethodPost, r.url("blobs", "uploads/"), "", nil)
		if err != nil {
			return err
		}
		location, err := resp.Location()
		if err != nil {
			return fmt.Errorf("starting an upload: %s: %w", resp.Status, err)
		}
		query := location.Query()
		query.Set("digest", digest)
		location.RawQuery = query.Encode()
		if err := r.put(location.String(), "application/octet-stream", c.data); err != nil {
			return err
		}
	}
	for tag, digest := range s.tags {
		if err := r.put(r.url("manifests", tag), s.content[digest].mediaType, s.content[digest].data); err != nil {
			return err
		}
	}
	return nil
}

func (r repository) put(url, contentType string, data []byte) error {
	resp, body, err := r.do(http.MethodPut, url, contentType, data)
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("PUT %s: %s %.200s", url, resp.Status, body)
	}
	return err
}

// listing returns the names and digests of all files below a folder.
func listing(dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintln(&b, name)
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintln(&b, " ", digestOf(data))
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return b.String()
}

// leftovers returns the content of a folder without the names of keep.
func leftovers(dir string, keep ...string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, e := range entries {
		if !slices.Contains(keep, e.Name()) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}
