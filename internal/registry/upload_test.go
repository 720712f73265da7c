package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSessionsAreCancelled: an upload that fails or is interrupted leaves no
// session open.
func TestSessionsAreCancelled(t *testing.T) {
	t.Parallel()
	c := newTree(t, "a")
	layer := c.blobs[2]
	for name, wrong := range map[string]bool{"wrong content": true, "refused": false, "interrupted": false, "interrupted at the beginning": false} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				if name == "interrupted at the beginning" && r.Method == http.MethodPost {
					cancel()
					time.Sleep(50 * time.Millisecond) // the client sees it first
				}
				if !isUpload(r) || wrong {
					return false
				}
				_, _ = io.Copy(io.Discard, r.Body)
				if name == "interrupted" {
					cancel()
					<-r.Context().Done()
					return true
				}
				return jsonError(w, http.StatusForbidden, "DENIED", "no")
			})
			client, _ := newTestClient(Options{Concurrency: 1})
			src := replaced{c, layer, func() io.Reader {
				if wrong {
					return strings.NewReader(strings.Repeat("x", int(layer.Size)))
				}
				data, _ := c.Fetch(ctx, layer)
				return data
			}}
			_, err := client.Publish(ctx, src, c.root, []Reference{s.ref(t, "acme/curl:1.0")})
			if err == nil || strings.HasPrefix(name, "interrupted") && !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v", err)
			}
			requests := s.take()
			begun, ended := len(matching(requests, "POST", "/blobs/uploads/")), len(matching(requests, "DELETE", "/blobs/uploads/"))
			done := 0
			for _, put := range matching(requests, "PUT", "/blobs/uploads/") {
				if wrong && !strings.Contains(put, layer.Digest.Encoded()) {
					done++
				}
			}
			if ended == 0 || begun != ended+done {
				t.Errorf("%d sessions were begun, %d ended and %d cancelled", begun, done, ended)
			}
		})
	}
}

// TestNoUploadFromHTTPSToHTTP: a registry with HTTPS cannot send an upload to a
// URL without TLS.
func TestNoUploadFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	plain := scripted(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was sent in the clear", r.Method, r.URL) })
	s := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Location", plain.URL+"/upload")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	})
	client, _ := newTestClient(Options{Insecure: true})
	c := newTree(t, "a")
	_, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "a/b:1")})
	if !errors.Is(err, ErrPlainHTTP) {
		t.Errorf("error is %v", err)
	}
}

// TestUploadRedirectedToGET: net/http follows a 302 with GET, whose success says
// nothing about the upload.
func TestUploadRedirectedToGET(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther} {
		for name, applies := range map[string]func(*http.Request) bool{
			"upload": isUpload, "tag": func(r *http.Request) bool { return isManifestPut(r, "1.0") }, "session": func(r *http.Request) bool { return r.Method == http.MethodPost },
		} {
			s := newServer(t)
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				if applies(r) {
					_, _ = io.Copy(io.Discard, r.Body)
					http.Redirect(w, r, r.URL.String(), status)
					return true
				}
				return false
			})
			client, pauses := newTestClient(Options{})
			c := newTree(t, "a")
			_, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0")})
			if want := "redirects to http://" + s.host() + ", which a "; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%d, %s: error is %v", status, name, err)
			}
			if got := pauses.all(); len(got) > 0 {
				t.Errorf("%d, %s: retried after %v", status, name, got)
			}
			if s.digestOf(t, "acme/curl", "1.0") != "" {
				t.Errorf("%d, %s: the tag was written", status, name)
			}
		}
	}
}
