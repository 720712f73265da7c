package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// TestLargeBlobInParts: the beginning by itself, then the rest, and the whole
// from registries that know no ranges; never what is not the blob.
func TestLargeBlobInParts(t *testing.T) {
	t.Parallel()
	blob := bytes.Repeat([]byte("0123456789abcdef"), (5<<20)/16)
	desc := v1.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	for name, c := range map[string]struct {
		serve func(w http.ResponseWriter, r *http.Request)
		parts int
		err   error
	}{
		"ranges": {func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(blob))
		}, 2, nil},
		"no ranges": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(blob) }, 1, nil},
		"other range": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 1-10/%d", len(blob)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(blob[1:11])
		}, 1, oci.ErrCorrupt},
		"short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-9/%d", len(blob)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(blob[:10])
		}, 1, oci.ErrCorrupt},
		"no rest": {func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Range", fmt.Sprintf("bytes=0-%d", firstPart-1))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(blob))
		}, 2, oci.ErrCorrupt},
		"gone": {http.NotFound, 1, oci.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			parts := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/manifests/") {
					w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
					fmt.Fprint(w, `{"schemaVersion":2}`)
					return
				}
				parts++
				c.serve(w, r)
			}))
			defer server.Close()
			ref, err := ParseReference(strings.TrimPrefix(server.URL, "http://") + "/x:1")
			if err != nil {
				t.Fatal(err)
			}
			src, err := New(Options{}).Open(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			rc, err := src.Fetch(t.Context(), desc)
			var got []byte
			if err == nil {
				defer rc.Close()
				got, err = io.ReadAll(rc)
			}
			if !errors.Is(err, c.err) || c.err == nil && !bytes.Equal(got, blob) || parts != c.parts {
				t.Errorf("%d bytes in %d requests, %v", len(got), parts, err)
			}
		})
	}
}
