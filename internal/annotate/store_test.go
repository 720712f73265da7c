package annotate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/oci"
)

// store contains what tests make, and remembers what is read of it.
type store struct {
	*index.Staging
	read map[digest.Digest]int64
}

func newStore() *store { return &store{index.NewStaging(), map[digest.Digest]int64{}} }

func (s *store) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	rc, err := s.Staging.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	return countingReader{rc, func(n int) { s.read[desc.Digest] += int64(n) }}, nil
}

type countingReader struct {
	io.ReadCloser
	count func(int)
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.count(n)
	return n, err
}

// file is an entry of a layer.
type file struct{ name, content string }

func toml(id, more string) string {
	return fmt.Sprintf("api = \"0.10\"\n[extension]\nid = %q\nversion = \"1.2.3\"\n%s", id, more)
}

// holding returns a layer with the descriptor of an extension.
func holding(id string) []file {
	return []file{
		{"cnb/extensions/" + strings.ReplaceAll(id, "/", "_") + "/1.2.3/bin/generate", "#!/bin/sh\n"},
		{"cnb/extensions/" + strings.ReplaceAll(id, "/", "_") + "/1.2.3/extension.toml", toml(id, "")},
	}
}

func tarOf(t *testing.T, files []file) []byte {
	t.Helper()
	entries := make([]layertest.Entry, len(files))
	for i, f := range files {
		entries[i] = layertest.File(f.name, f.content, 0o644)
	}
	return layertest.Tar(t, entries...)
}

// image is an image to be stored; the zero value is a linux/amd64 one of
// nothing.
type image struct {
	arch   string
	layers [][]file
	docker bool
	// pack compresses layers of the type given; nil is gzip.
	pack      func(testing.TB, []byte) []byte
	layerType string
	labels    map[string]string
	// config and manifest are more fields of the documents: `,"x":1`.
	config, manifest string
}

func refer(d v1.Descriptor) string {
	return fmt.Sprintf(`"mediaType":%q,"digest":%q,"size":%d`, d.MediaType, d.Digest, d.Size)
}

func (s *store) image(t *testing.T, i image) v1.Descriptor {
	t.Helper()
	types := [3]string{v1.MediaTypeImageManifest, v1.MediaTypeImageConfig, v1.MediaTypeImageLayerGzip}
	if i.docker {
		types = [3]string{oci.MediaTypeDockerManifest, oci.MediaTypeDockerConfig, oci.MediaTypeDockerLayerGzip}
	}
	if i.pack == nil {
		i.pack = layertest.Gzip
	}
	if i.layerType != "" {
		types[2] = i.layerType
	}
	if i.arch == "" {
		i.arch = "amd64"
	}
	diffIDs, layers := []string{}, []string{}
	for _, files := range i.layers {
		plain := tarOf(t, files)
		diffIDs = append(diffIDs, fmt.Sprintf("%q", digest.FromBytes(plain)))
		layers = append(layers, "{"+refer(s.Put(types[2], i.pack(t, plain)))+"}")
	}
	labels := ""
	if i.labels != nil {
		raw, err := json.Marshal(i.labels)
		if err != nil {
			t.Fatal(err)
		}
		labels = `,"config":{"User":"1","x-inner":"<1>","Labels":` + string(raw) + `}`
	}
	rootFS := `,"rootfs":{"type":"layers","diff_ids":[` + strings.Join(diffIDs, ",") + `]}`
	if strings.Contains(i.config, `"rootfs"`) {
		rootFS = ""
	}
	config := s.Put(types[1], fmt.Appendf(nil, `{"created":"2020-01-02T03:04:05Z","architecture":%q,"os":"linux"%s%s%s}`, i.arch, labels, rootFS, i.config))
	desc := s.Put(types[0], fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{%s,"x-config":1},"layers":[%s]%s}`,
		types[0], refer(config), strings.Join(layers, ","), i.manifest))
	desc.Platform = &v1.Platform{OS: "linux", Architecture: i.arch}
	return desc
}

// index stores an index; more are further fields of it: `,"x":1`.
func (s *store) index(t *testing.T, mediaType, more string, children ...v1.Descriptor) v1.Descriptor {
	t.Helper()
	raw, err := json.Marshal(children)
	if err != nil {
		t.Fatal(err)
	}
	return s.Put(mediaType, fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":%s%s}`, mediaType, raw, more))
}

// complete runs Complete on an index and returns the result, which is in o.
func (s *store) complete(t *testing.T, root v1.Descriptor, add Additions) (o *index.Staging, desc v1.Descriptor, err error) {
	t.Helper()
	o = index.NewStaging(s)
	x, err := index.ReadIndex(t.Context(), o, root)
	if err != nil {
		t.Fatal(err)
	}
	if err := Complete(t.Context(), o, x, add); err != nil {
		return o, root, err
	}
	desc, err = x.Put(o)
	return o, desc, err
}

// images reads the configs and manifests below an index.
func images(t *testing.T, s *index.Staging, root v1.Descriptor) (index v1.Index, manifests []v1.Manifest, configs []v1.Image) {
	t.Helper()
	index, _, err := oci.ReadIndex(t.Context(), s, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, desc := range index.Manifests {
		m, _, err := oci.ReadManifest(t.Context(), s, desc)
		if err != nil {
			t.Fatal(err)
		}
		config, _, err := oci.ReadConfig(t.Context(), s, m.Config)
		if err != nil {
			t.Fatal(err)
		}
		manifests, configs = append(manifests, m), append(configs, config)
	}
	return index, manifests, configs
}

// over returns a store for the content of a staging.
func over(s *index.Staging) *store { return &store{s, map[digest.Digest]int64{}} }

func readRaw(t *testing.T, s *index.Staging, desc v1.Descriptor) []byte {
	t.Helper()
	raw, err := oci.ReadBytes(t.Context(), s, desc, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// swapped serves other content for one descriptor.
type swapped struct {
	*store
	desc v1.Descriptor
	data []byte
}

func (s swapped) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	if desc.Digest == s.desc.Digest {
		return io.NopCloser(bytes.NewReader(s.data)), nil
	}
	return s.store.Fetch(ctx, desc)
}
