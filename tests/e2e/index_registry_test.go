package e2e_test

import (
	"bytes"
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

// send makes a request to the sandbox registry, which must accept it.
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

// repositoryURL gives the API's URL of the repository a reference is in.
func repositoryURL(reference string) string {
	host, rest, _ := strings.Cut(reference, "/")
	return "http://" + host + "/v2/" + rest[:strings.LastIndex(rest, ":")]
}

// storeBlob uploads a blob to the repository of a reference.
func storeBlob(t *testing.T, reference, mediaType string, data []byte) fields {
	t.Helper()
	d := digest.FromBytes(data)
	storeBlobFrom(t, reference, d, bytes.NewReader(data), int64(len(data)))
	return fields{"mediaType": mediaType, "digest": d.String(), "size": len(data)}
}

func storeBlobFrom(t *testing.T, reference string, d digest.Digest, data io.Reader, size int64) {
	t.Helper()
	location := send(t, http.MethodPost, repositoryURL(reference)+"/blobs/uploads/", "", nil, 0).Header.Get("Location")
	sep := "?"
	if strings.Contains(location, "?") {
		sep = "&"
	}
	send(t, http.MethodPut, location+sep+"digest="+d.String(), "application/octet-stream", data, size)
}

// storeManifest writes a manifest under a tag, or without one by digest, and
// describes it.
func storeManifest(t *testing.T, reference string, byDigest bool, doc fields) fields {
	t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	target := reference[strings.LastIndex(reference, ":")+1:]
	if byDigest {
		target = "sha256:" + sha(raw)
	}
	mediaType := doc["mediaType"].(string)
	send(t, http.MethodPut, repositoryURL(reference)+"/manifests/"+target, mediaType, bytes.NewReader(raw), int64(len(raw)))
	return fields{"mediaType": mediaType, "digest": "sha256:" + sha(raw), "size": len(raw)}
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

// entries gives the entries of an index.
func entries(t *testing.T, reference string) []fields {
	t.Helper()
	var out []fields
	for _, c := range document(t, reference)["manifests"].([]any) {
		out = append(out, c.(fields))
	}
	return out
}

// listed gives "os/arch[/variant] digest" of the images of an index.
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
