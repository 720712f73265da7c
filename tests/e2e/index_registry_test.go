package e2e_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// fields is a JSON document as some tool wrote it, unknown fields and all.
type fields = map[string]any

// send makes a request to a registry, which must accept it; a size of -1 is one
// that is not known yet.
func send(t *testing.T, method, url, contentType string, body io.Reader, size int64) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.ContentLength = size
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s %s: %s\n%s", method, url, resp.Status, text)
	}
	return resp
}

// repositoryURL returns the API's URL of the repository a reference is in.
func repositoryURL(reference string) string {
	host, rest, _ := strings.Cut(reference, "/")
	return "http://" + host + "/v2/" + rest[:strings.LastIndex(rest, ":")]
}

// pushBlob uploads a blob to the repository of a reference.
func pushBlob(t *testing.T, reference, mediaType string, data []byte) v1.Descriptor {
	t.Helper()
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	storeBlobFrom(t, reference, desc.Digest, bytes.NewReader(data), desc.Size)
	return desc
}

// storeBlob is pushBlob for documents of fields.
func storeBlob(t *testing.T, reference, mediaType string, data []byte) fields {
	t.Helper()
	desc := pushBlob(t, reference, mediaType, data)
	return fields{"mediaType": mediaType, "digest": desc.Digest.String(), "size": len(data)}
}

func storeBlobFrom(t *testing.T, reference string, d digest.Digest, data io.Reader, size int64) {
	t.Helper()
	finishUpload(t, send(t, http.MethodPost, repositoryURL(reference)+"/blobs/uploads/", "", nil, 0), d, data, size)
}

// finishUpload sends the last part of an upload to where an answer says.
func finishUpload(t *testing.T, resp *http.Response, d digest.Digest, data io.Reader, size int64) {
	t.Helper()
	location, err := resp.Location() // some registries return only a path
	if err != nil {
		t.Fatal(err)
	}
	query := location.Query()
	query.Set("digest", d.String())
	location.RawQuery = query.Encode()
	send(t, http.MethodPut, location.String(), "application/octet-stream", data, size)
}

// largeSize is that of layers which must not be moved.
const largeSize = 500 << 20

// pushLarge streams a gzip layer into the repository of ref, so that it is never
// held in memory or on disk but the registry's, and returns its descriptor.
func pushLarge(t *testing.T, ref string, write func(w io.Writer)) (desc v1.Descriptor, diffID digest.Digest) {
	t.Helper()
	plain, stored := sha256.New(), sha256.New()
	pr, pw := io.Pipe()
	var size counter
	go func() {
		// What is random cannot be packed: storing it is as good and faster.
		zw, err := gzip.NewWriterLevel(io.MultiWriter(pw, stored, &size), gzip.NoCompression)
		if err == nil {
			write(io.MultiWriter(zw, plain))
			err = zw.Close()
		}
		pw.CloseWithError(err)
	}()
	begun, err := send(t, http.MethodPost, repositoryURL(ref)+"/blobs/uploads/", "", nil, 0).Location()
	if err != nil {
		t.Fatal(err)
	}
	sent := send(t, http.MethodPatch, begun.String(), "application/octet-stream", pr, -1)
	desc = v1.Descriptor{MediaType: v1.MediaTypeImageLayerGzip, Digest: digest.NewDigest(digest.SHA256, stored), Size: int64(size)}
	finishUpload(t, sent, desc.Digest, nil, 0)
	if desc.Size < largeSize {
		t.Fatalf("the layer has %d bytes only", desc.Size)
	}
	return desc, digest.NewDigest(digest.SHA256, plain)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// pushLargeIndex makes an index of two images with the same large layer.
func pushLargeIndex(t *testing.T, ref string, layer v1.Descriptor, diffID digest.Digest, labels map[string]string) {
	t.Helper()
	index := v1.Index{MediaType: v1.MediaTypeImageIndex}
	index.SchemaVersion = 2
	for _, arch := range []string{"amd64", "arm64"} {
		config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: arch}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}}}
		config.Config.Labels = labels
		raw, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: pushBlob(t, ref, v1.MediaTypeImageConfig, raw), Layers: []v1.Descriptor{layer}}
		m.SchemaVersion = 2
		child := pushManifest(t, ref, "", v1.MediaTypeImageManifest, m)
		child.Platform = &config.Platform
		index.Manifests = append(index.Manifests, child)
	}
	pushManifest(t, ref, ref[strings.LastIndex(ref, ":")+1:], index.MediaType, index)
}

// pushManifest writes a manifest under a tag, or by its digest when that is "".
func pushManifest(t *testing.T, reference, tag, mediaType string, v any) v1.Descriptor {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return pushRaw(t, reference, tag, mediaType, raw)
}

func pushRaw(t *testing.T, reference, tag, mediaType string, raw []byte) v1.Descriptor {
	t.Helper()
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if tag == "" {
		tag = desc.Digest.String()
	}
	send(t, http.MethodPut, repositoryURL(reference)+"/manifests/"+tag, mediaType, bytes.NewReader(raw), desc.Size)
	return desc
}

// storeManifest is pushManifest for documents of fields, under the tag of the
// reference or by digest.
func storeManifest(t *testing.T, reference string, byDigest bool, doc fields) fields {
	t.Helper()
	target := reference[strings.LastIndex(reference, ":")+1:]
	if byDigest {
		target = ""
	}
	desc := pushManifest(t, reference, target, doc["mediaType"].(string), doc)
	return fields{"mediaType": desc.MediaType, "digest": desc.Digest.String(), "size": int(desc.Size)}
}

// storeImage makes an image with a config of the fields given.
func storeImage(t *testing.T, reference string, docker bool, config fields) fields {
	t.Helper()
	types := []string{v1.MediaTypeImageManifest, v1.MediaTypeImageConfig, v1.MediaTypeImageLayerGzip}
	if docker {
		types = []string{dockerManifest, dockerConfig, dockerLayer}
	}
	rawConfig, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return storeManifest(t, reference, true, fields{
		"schemaVersion": 2, "mediaType": types[0],
		"config": storeBlob(t, reference, types[1], rawConfig),
		"layers": []fields{storeBlob(t, reference, types[2], []byte("layer of "+string(rawConfig)))},
	})
}

func linux(arch string) fields { return fields{"os": "linux", "architecture": arch} }

// with adds fields to a descriptor.
func with(desc fields, more fields) fields {
	out := fields{}
	for _, o := range []fields{desc, more} {
		for k, v := range o {
			out[k] = v
		}
	}
	return out
}

// storeIndex makes an index under a tag.
func storeIndex(t *testing.T, reference, mediaType string, more fields, children ...fields) fields {
	t.Helper()
	return storeManifest(t, reference, false, with(fields{"schemaVersion": 2, "mediaType": mediaType, "manifests": children}, more))
}

// storeTwo makes a plain index of two platforms.
func storeTwo(t *testing.T, reference string) fields {
	t.Helper()
	var children []fields
	for _, arch := range []string{"amd64", "arm64"} {
		children = append(children, with(storeImage(t, reference, false, linux(arch)), fields{"platform": linux(arch)}))
	}
	return storeIndex(t, reference, v1.MediaTypeImageIndex, fields{}, children...)
}

// at names content of a tag's repository by digest.
func at(reference string, desc fields) string {
	return reference[:strings.LastIndex(reference, ":")] + "@" + desc["digest"].(string)
}

// document reads a manifest with every field.
func document(t *testing.T, reference string) fields {
	t.Helper()
	raw, header := get(t, reference, "manifests")
	doc := parse[fields](t, raw)
	if got := header.Get("Content-Type"); got != doc["mediaType"] {
		t.Errorf("the registry calls %s a %s, it says %s", reference, got, doc["mediaType"])
	}
	return doc
}

// entries returns the entries of an index.
func entries(t *testing.T, reference string) []fields {
	t.Helper()
	var out []fields
	for _, c := range document(t, reference)["manifests"].([]any) {
		out = append(out, c.(fields))
	}
	return out
}

// listed returns "os/arch[/variant] digest" of the images of an index.
func listed(t *testing.T, reference string) string {
	t.Helper()
	var b strings.Builder
	for _, c := range entries(t, reference) {
		if a, _ := c["annotations"].(fields); a["vnd.docker.reference.type"] != nil {
			continue
		}
		p, _ := c["platform"].(fields)
		name := fmt.Sprintf("%v/%v", p["os"], p["architecture"])
		if p["variant"] != nil {
			name += fmt.Sprintf("/%v", p["variant"])
		}
		fmt.Fprintf(&b, "%s %s\n", name, c["digest"])
	}
	return b.String()
}
