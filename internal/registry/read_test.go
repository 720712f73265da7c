package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// scripted is a registry made of one handler.
func scripted(t *testing.T, f http.HandlerFunc) *server {
	t.Helper()
	s := &server{app: f}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

const emptyIndex = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`

func TestResolve(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	client, _ := newTestClient(Options{})
	got, err := client.Resolve(t.Context(), refs[0])
	if err != nil || !content.Equal(got, old.root) {
		t.Errorf("Resolve = %v, %v, want %v", got, err, old.root)
	}
	if requests := s.take(); len(requests) != 1 || !strings.HasPrefix(requests[0], "GET ") {
		t.Errorf("resolving took %q", requests)
	}
	for _, name := range []string{"acme/curl:none", "no/thing:1", "acme/curl@" + digest.FromString("x").String()} {
		_, err := client.Resolve(t.Context(), s.ref(t, name))
		if !errors.Is(err, oci.ErrNotFound) || errors.Is(err, ErrUnauthorized) {
			t.Errorf("Resolve(%s): %v", name, err)
		}
		if _, err := client.Open(t.Context(), s.ref(t, name)); !errors.Is(err, oci.ErrNotFound) {
			t.Errorf("Open(%s): %v", name, err)
		}
	}
	// The digest counts where there is a tag as well.
	got, err = client.Resolve(t.Context(), s.ref(t, "acme/curl:none@"+old.root.Digest.String()))
	if err != nil || got.Digest != old.root.Digest {
		t.Errorf("Resolve of tag and digest = %v, %v", got, err)
	}
}

// TestReadManifest has a registry answer for a tag in odd ways.
func TestReadManifest(t *testing.T) {
	t.Parallel()
	sum := digest.FromString(emptyIndex)
	answer := func(contentType, digest, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			if digest != "" {
				w.Header().Set("Docker-Content-Digest", digest)
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			if r.Method != http.MethodHead {
				_, _ = io.WriteString(w, body)
			}
		}
	}
	index := v1.MediaTypeImageIndex
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		wrong   error // of Open
		text    string
		resolve bool // HEAD alone cannot tell, so Resolve succeeds
	}{
		"as it should be":       {handler: answer(index, sum.String(), emptyIndex)},
		"no digest":             {handler: answer(index, "", emptyIndex)},
		"no media type":         {handler: answer("", sum.String(), emptyIndex)},
		"media type, parameter": {handler: answer(index+"; charset=utf-8", sum.String(), emptyIndex)},
		"generic media type":    {handler: answer("application/json", "", emptyIndex)},
		"no HEAD": {handler: func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			answer(index, "", emptyIndex)(w, r)
		}},
		"other media type": {
			handler: answer(v1.MediaTypeImageManifest, sum.String(), emptyIndex),
			wrong:   oci.ErrMalformed, text: "has the media type \"" + index, resolve: true,
		},
		"escape character in the document": {
			handler: answer(index, "", `{"schemaVersion":2,"mediaType":"\u001b[2Jx"}`),
			wrong:   oci.ErrMalformed, text: `has the media type "\x1b[2Jx"`,
		},
		"web page":      {handler: answer("text/html", "", "<html>"), wrong: oci.ErrMalformed, text: "manifest is not valid: invalid character '<'"},
		"some document": {handler: answer("application/json", "", `{"a":1}`), wrong: oci.ErrMalformed, text: "not a manifest"},
		"image and index": {
			handler: answer(index, "", `{"schemaVersion":2,"manifests":[],"layers":[]}`),
			wrong:   oci.ErrMalformed, text: "is ambiguous",
		},
		"wrong digest": {
			handler: answer(index, digest.FromString("other").String(), emptyIndex),
			wrong:   oci.ErrCorrupt, text: "has different content, with digest " + sum.String(), resolve: true,
		},
		"malformed digest": {handler: answer(index, "sha256:zz", emptyIndex), wrong: oci.ErrCorrupt, text: "sha256:"},
		"declared too large": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", index)
			w.Header().Set("Docker-Content-Digest", sum.String())
			w.Header().Set("Content-Length", fmt.Sprint(oci.MaxManifestSize+1))
		}, wrong: oci.ErrTooLarge, text: "the limit is 4194304"},
		"endless": {handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", index)
			chunk := make([]byte, 1<<20)
			for r.Method == http.MethodGet {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, wrong: oci.ErrTooLarge, text: "4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scripted(t, tc.handler)
			client, pauses := newTestClient(Options{})
			ref := s.ref(t, "acme/curl:1")
			src, openErr := client.Open(t.Context(), ref)
			desc, resolveErr := client.Resolve(t.Context(), ref)
			if tc.wrong == nil {
				want := v1.Descriptor{MediaType: index, Digest: sum, Size: int64(len(emptyIndex))}
				if openErr != nil || !content.Equal(src.Root, want) {
					t.Errorf("Open: %v", openErr)
				}
				if resolveErr != nil || !content.Equal(desc, want) {
					t.Errorf("Resolve = %v, %v", desc, resolveErr)
				}
				return
			}
			if !errors.Is(openErr, tc.wrong) || !strings.Contains(openErr.Error(), tc.text) {
				t.Errorf("Open: error %v, want %v saying %q", openErr, tc.wrong, tc.text)
			}
			if openErr != nil && strings.ContainsRune(openErr.Error(), '\x1b') {
				t.Errorf("error %q contains an escape character", openErr)
			}
			if (resolveErr == nil) != tc.resolve || (resolveErr != nil && !errors.Is(resolveErr, tc.wrong)) {
				t.Errorf("Resolve: error %v", resolveErr)
			}
			if got := pauses.all(); len(got) > 0 {
				t.Errorf("retried after %v", got)
			}
		})
	}
}

func TestReadByDigestIsVerified(t *testing.T) {
	t.Parallel()
	asked := digest.FromString("something else")
	for name, header := range map[string]string{
		"not said": "", "truth": digest.FromString(emptyIndex).String(), "lie": asked.String(),
	} {
		s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
			if header != "" {
				w.Header().Set("Docker-Content-Digest", header)
			}
			_, _ = io.WriteString(w, emptyIndex)
		})
		client, _ := newTestClient(Options{})
		_, err := client.Open(t.Context(), s.ref(t, "acme/curl@"+asked.String()))
		if !errors.Is(err, oci.ErrCorrupt) || !strings.Contains(diag.Text(err), asked.String()) {
			t.Errorf("digest header %s: error is %v", name, err)
		}
	}
}

// TestExistsAsksTwice: one damaged answer says nothing about content, the second
// does.
func TestExistsAsksTwice(t *testing.T) {
	t.Parallel()
	blob := content.NewDescriptorFromBytes(v1.MediaTypeImageConfig, []byte(`{"os":"linux"}`))
	for damaged := range 3 {
		var asked atomic.Int32
		s := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/manifests/") {
				w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
				_, _ = io.WriteString(w, emptyIndex)
				return
			}
			if int(asked.Add(1)) <= damaged {
				w.Header().Set("Docker-Content-Digest", digest.FromString("other").String())
			}
		})
		client, _ := newTestClient(Options{})
		src, err := client.Open(t.Context(), s.ref(t, "acme/curl:1"))
		if err != nil {
			t.Fatal(err)
		}
		ok, err := src.Exists(t.Context(), blob)
		if ok != (damaged < 2) || errors.Is(err, oci.ErrCorrupt) == ok {
			t.Errorf("%d damaged answers: %v, %v", damaged, ok, err)
		}
	}
}

func TestFetchBlob(t *testing.T) {
	t.Parallel()
	small := content.NewDescriptorFromBytes(v1.MediaTypeImageConfig, []byte(`{"os":"linux"}`))
	large := content.NewDescriptorFromBytes(v1.MediaTypeImageLayer, make([]byte, maxBufferedBlob+10))
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
	var tries atomic.Int32
	for name, tc := range map[string]struct {
		desc    v1.Descriptor
		handler http.HandlerFunc
		wrong   error
	}{
		"small": {desc: small, handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"os":"linux"}`) }},
		"large": {desc: large, handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, large.Size)) }},
		"small, cut off": {desc: small, handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(small.Size))
			_, _ = io.WriteString(w, `{"os":`)
			if tries.Add(1) == 1 {
				drop(w)
			}
			_, _ = io.WriteString(w, `"linux"}`)
		}},
		"small, other":   {small, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"os":"Linux"}`) }, oci.ErrCorrupt},
		"small, short":   {small, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }, oci.ErrCorrupt},
		"small, endless": {small, endless, oci.ErrCorrupt},
		"large, endless": {large, endless, oci.ErrCorrupt},
		"large, other": {large, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(append(make([]byte, large.Size-1), 1))
		}, oci.ErrCorrupt},
		"missing": {small, http.NotFound, oci.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			s := scripted(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/manifests/") {
					w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
					_, _ = io.WriteString(w, emptyIndex)
					return
				}
				tc.handler(w, r)
			})
			client, _ := newTestClient(Options{})
			src, err := client.Open(t.Context(), s.ref(t, "acme/curl:1"))
			if err != nil {
				t.Fatal(err)
			}
			var n int64
			rc, err := src.Fetch(t.Context(), tc.desc)
			if err == nil {
				defer rc.Close()
				n, err = io.Copy(io.Discard, rc)
			}
			switch {
			case tc.wrong == nil && (err != nil || n != tc.desc.Size):
				t.Errorf("read %d of %d bytes: %v", n, tc.desc.Size, err)
			case tc.wrong != nil && (!errors.Is(err, tc.wrong) || n >= tc.desc.Size):
				t.Errorf("read %d of %d bytes, error %v, want %v", n, tc.desc.Size, err, tc.wrong)
			}
		})
	}
}

func TestFetchRefusesBadDescriptors(t *testing.T) {
	t.Parallel()
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
		_, _ = io.WriteString(w, emptyIndex)
	})
	client, _ := newTestClient(Options{})
	src, err := client.Open(t.Context(), s.ref(t, "acme/curl:1"))
	if err != nil {
		t.Fatal(err)
	}
	s.take()
	for name, desc := range map[string]v1.Descriptor{
		"no digest": {MediaType: v1.MediaTypeImageLayer},
		"path":      {MediaType: v1.MediaTypeImageLayer, Digest: "sha256:../../../etc/passwd"},
		"negative":  {MediaType: v1.MediaTypeImageLayer, Digest: digest.FromString("x"), Size: -1},
		"large":     {MediaType: v1.MediaTypeImageManifest, Digest: digest.FromString("x"), Size: oci.MaxManifestSize + 1},
		"root size": {MediaType: v1.MediaTypeImageIndex, Digest: digest.FromString(emptyIndex), Size: 1},
	} {
		if _, err := src.Fetch(t.Context(), desc); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if got := s.take(); len(got) > 0 {
		t.Errorf("asked the registry: %q", got)
	}
}
