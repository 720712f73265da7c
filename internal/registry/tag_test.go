package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
)

func TestPublishFailingAtSecondTag(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	c := newTree(t, "new")
	refs = append(refs, s.ref(t, "acme/curl:third"))
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		return isManifestPut(r, "latest") && jsonError(w, http.StatusForbidden, "DENIED", "immutable tag")
	})
	client, _ := newTestClient(Options{})
	got, err := client.Publish(t.Context(), c, c.root, refs)
	var failed *TagError
	if !errors.As(err, &failed) {
		t.Fatalf("error is %v", err)
	}
	if len(got) != 1 || got[0].Reference.Tag() != "1.0" || len(failed.Moved) != 1 ||
		failed.Failed.Tag() != "latest" || failed.Uncertain || len(failed.Untouched) != 1 {
		t.Errorf("moved %v, error %+v", got, failed)
	}
	for _, part := range []string{
		"tagging " + refs[1].String(), "immutable tag", refs[1].String() + " was not moved",
		"already moved: " + refs[0].String(), "not moved: " + refs[2].String(), "publish a new version",
	} {
		if !strings.Contains(diag.Text(err), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
	if !errors.Is(err, ErrUnauthorized) {
		t.Errorf("error %v is not ErrUnauthorized", err)
	}
	for tag, want := range map[string]v1.Descriptor{"1.0": c.root, "latest": old.root, "third": {}} {
		if got := s.digestOf(t, "acme/curl", tag); got != want.Digest {
			t.Errorf("%s is at %q, want %q", tag, got, want.Digest)
		}
	}
}

// TestPublishReadsTagsBack: what a tag points at after it was written is
// compared. Where the registry has named the digest that it stored, replicas
// may only lag, or another writer came next: a warning.
func TestPublishReadsTagsBack(t *testing.T) {
	t.Parallel()
	for _, confirmed := range []bool{false, true} {
		s, old, refs := published(t)
		c := newTree(t, "new")
		// Another process moves the tag back each time it was written.
		s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if !isManifestPut(r, "1.0") {
				return false
			}
			data, _ := old.Fetch(r.Context(), old.root)
			body, _ := io.ReadAll(data)
			if confirmed {
				w.Header().Set("Docker-Content-Digest", c.root.Digest.String())
			}
			answer := httptest.NewRecorder()
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			s.app.ServeHTTP(answer, r)
			w.WriteHeader(answer.Code)
			return true
		})
		client, pauses := newTestClient(Options{})
		got, err := client.Publish(t.Context(), c, c.root, refs)
		if n := len(pauses.all()); n != maxRetries {
			t.Errorf("confirmed %v: the tag was read back after %d pauses", confirmed, n)
		}
		if confirmed {
			if last := pauses.logs[len(pauses.logs)-1]; err != nil || len(got) != 2 || !strings.HasPrefix(last, "warning: "+refs[0].String()+" was published, and could not be read back: it points at "+old.root.Digest.String()) {
				t.Errorf("published %v, error %v, said %q", got, err, last)
			}
			continue
		}
		var failed *TagError
		if !errors.Is(err, ErrTagMoved) || !errors.As(err, &failed) || !failed.Uncertain || len(got) > 0 {
			t.Errorf("published %v, error %v", got, err)
		}
		if got := s.digestOf(t, "acme/curl", "latest"); got != old.root.Digest {
			t.Errorf("went on to the next tag, now at %s", got)
		}
	}
}

func TestPublishToleratesSlowReplicas(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	c := newTree(t, "new")
	var wrote, stale atomic.Int32
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if isManifestPut(r, "1.0") {
			wrote.Store(1)
		}
		if r.Method != http.MethodHead || !strings.HasSuffix(r.URL.Path, "/1.0") || wrote.Load() == 0 || stale.Add(1) > 1 {
			return false
		}
		r.URL.Path = strings.TrimSuffix(r.URL.Path, "1.0") + old.root.Digest.String()
		return false
	})
	client, _ := newTestClient(Options{})
	if _, err := client.Publish(t.Context(), c, c.root, refs[:1]); err != nil {
		t.Error(err)
	}
	if stale.Load() < 2 {
		t.Error("the tag was not read again")
	}
}

// TestPublishCancelledBetweenTags: once the first tag is written the others
// follow, so that an interrupt leaves no half.
func TestPublishCancelledBetweenTags(t *testing.T) {
	t.Parallel()
	s, _, refs := published(t)
	c := newTree(t, "new")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client, _ := newTestClient(Options{Progress: func(e Event) {
		if e.Tag == "1.0" {
			cancel()
		}
	}})
	got, err := client.Publish(ctx, c, c.root, refs)
	if err != nil || len(got) != 2 {
		t.Errorf("published %v, error %v", got, err)
	}
	if got := s.digestOf(t, "acme/curl", "latest"); got != c.root.Digest {
		t.Errorf("latest is at %s", got)
	}
}

// TestPublishFinishesOnlyForAWhile: a registry that does not respond holds up an
// interrupted run for some seconds only.
func TestPublishFinishesOnlyForAWhile(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	c := newTree(t, "new")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	release := make(chan struct{})
	defer close(release)
	s.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if !isManifestPut(r, "latest") {
			return false
		}
		cancel()
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	})
	client, _ := newTestClient(Options{})
	begin := time.Now()
	got, err := client.Publish(ctx, c, c.root, refs)
	var failed *TagError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &failed) || !failed.Uncertain || len(got) != 1 {
		t.Errorf("published %v, error %v", got, err)
	}
	if d := time.Since(begin); d < finishTime {
		t.Errorf("took %s to stop", d)
	}
	if got := s.digestOf(t, "acme/curl", "latest"); got != old.root.Digest {
		t.Errorf("latest is at %s", got)
	}
}
