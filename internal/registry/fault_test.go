package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/extpack/extpack/internal/diag"
)

// published is a registry whose acme/curl:1.0 and :latest point at old.
func published(t *testing.T) (s *server, old *tree, refs []Reference) {
	t.Helper()
	s, old = newServer(t), newTree(t, "old")
	refs = []Reference{s.ref(t, "acme/curl:1.0"), s.ref(t, "acme/curl:latest")}
	client, _ := newTestClient(Options{})
	if _, err := client.Publish(t.Context(), old, old.root, refs); err != nil {
		t.Fatal(err)
	}
	s.take()
	return s, old, refs
}

func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/")
}

func isManifestPut(r *http.Request, target string) bool {
	return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/"+target)
}

// once limits a fault to the first request it applies to.
func once(applies func(*http.Request) bool, fault func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	var done atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) bool {
		return applies(r) && done.CompareAndSwap(false, true) && fault(w, r)
	}
}

func busy(status int, after func() string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", after())
		return jsonError(w, status, "TOOMANYREQUESTS", "slow down")
	}
}

func TestPublishRecovers(t *testing.T) {
	t.Parallel()
	isBlobPost := func(r *http.Request) bool { return r.Method == http.MethodPost }
	isTagPut := func(r *http.Request) bool { return isManifestPut(r, "1.0") }
	seconds := func() string { return "30" }
	date := func() string { return time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat) }
	dropped := func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.CopyN(io.Discard, r.Body, 7)
		return drop(w)
	}
	for name, tc := range map[string]struct {
		applies func(*http.Request) bool
		fault   func(http.ResponseWriter, *http.Request) bool
		pause   time.Duration // 0: our own; -1: none, it is asked again later
	}{
		"dropped HEAD":        {func(r *http.Request) bool { return r.Method == http.MethodHead }, dropped, -1},
		"dropped POST":        {isBlobPost, dropped, 0},
		"dropped upload":      {isUpload, dropped, 0},
		"dropped manifest":    {isTagPut, dropped, 0},
		"503 seconds, POST":   {isBlobPost, busy(503, seconds), 30 * time.Second},
		"503 seconds, upload": {isUpload, busy(503, seconds), 30 * time.Second},
		"503 date, upload":    {isUpload, busy(503, date), 30 * time.Second},
		"429 date, tag":       {isTagPut, busy(429, date), 30 * time.Second},
		"500, tag":            {isTagPut, busy(500, func() string { return "nonsense" }), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := newServer(t), newTree(t, "a")
			s.setFault(once(tc.applies, tc.fault))
			client, pauses := newTestClient(Options{})
			if _, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0")}); err != nil {
				t.Fatal(err)
			}
			if got := s.digestOf(t, "acme/curl", "1.0"); got != c.root.Digest {
				t.Errorf("the tag is at %q", got)
			}
			got := pauses.all()
			if tc.pause < 0 {
				if len(got) > 0 {
					t.Errorf("pauses %v", got)
				}
				return
			}
			if len(got) != 1 || len(pauses.logs) != 1 {
				t.Fatalf("pauses %v, notices %q, want one of each", got, pauses.logs)
			}
			low, high := firstDelay/2, firstDelay
			if tc.pause > 0 {
				low, high = tc.pause-2*time.Second, tc.pause+2*time.Second
			}
			if got[0] < low || got[0] > high {
				t.Errorf("paused for %s, want %s to %s", got[0], low, high)
			}
		})
	}
}

func TestPublishFindsWhatALostAnswerDid(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	s.setFault(once(isUpload, func(w http.ResponseWriter, r *http.Request) bool {
		s.app.ServeHTTP(httptest.NewRecorder(), r)
		return drop(w)
	}))
	client, _ := newTestClient(Options{})
	if _, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0")}); err != nil {
		t.Fatal(err)
	}
	if n := len(matching(s.take(), "PUT", "/blobs/uploads/")); n != len(c.blobs) {
		t.Errorf("%d uploads for %d blobs: the one whose answer was lost was sent again", n, len(c.blobs))
	}
}

func TestPublishGivesUp(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	c := newTree(t, "new")
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		return isUpload(r) && drop(w)
	})
	client, pauses := newTestClient(Options{Concurrency: 1})
	_, err := client.Publish(t.Context(), c, c.root, refs)
	if !isDropped(err) {
		t.Errorf("error is %v", err)
	}
	if n := len(pauses.all()); n != maxRetries {
		t.Errorf("%d retries, want %d:\n%s", n, maxRetries, strings.Join(pauses.logs, "\n"))
	}
	if got := s.digestOf(t, "acme/curl", "1.0"); got != old.root.Digest {
		t.Errorf("the tag moved to %s", got)
	}
}

// TestAttemptsDoNotMultiply: what the transport has tried again is not tried
// again as often above it, and a registry that does not respond in HTTP is given
// up soon.
func TestAttemptsDoNotMultiply(t *testing.T) {
	t.Parallel()
	damaged := func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\n: no name\r\n\r\n"))
			_ = conn.Close()
		}
		return true
	}
	unavailable := func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	tokenless := func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			return unavailable(w, r)
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x"`)
		return jsonError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	}
	method := func(m string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == m }
	}
	all := func(*http.Request) bool { return true }
	for name, c := range map[string]struct {
		broken func(*http.Request) bool
		how    func(http.ResponseWriter, *http.Request) bool
		most   time.Duration
	}{
		"damaged, all":      {all, damaged, 5 * time.Second},
		"damaged, POST":     {method(http.MethodPost), damaged, 5 * time.Second},
		"damaged, PUT":      {method(http.MethodPut), damaged, 10 * time.Second},
		"dropped, POST":     {method(http.MethodPost), func(w http.ResponseWriter, _ *http.Request) bool { return drop(w) }, 20 * time.Second},
		"unavailable, POST": {method(http.MethodPost), unavailable, 20 * time.Second},
		"unavailable, PUT":  {method(http.MethodPut), unavailable, 20 * time.Second},
		"unavailable, all":  {all, unavailable, 20 * time.Second},
		"no tokens":         {all, tokenless, 25 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s, tree := newServer(t), newTree(t, "a")
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				return r.URL.Path != "/v2/" && c.broken(r) && c.how(w, r)
			})
			client, pauses := newTestClient(Options{Concurrency: 1})
			if _, err := client.Publish(t.Context(), tree, tree.root, []Reference{s.ref(t, "acme/curl:1.0")}); err == nil {
				t.Fatal("no error")
			}
			var total time.Duration
			for _, d := range pauses.all() {
				total += d
			}
			if total > c.most {
				t.Errorf("%d pauses of %s:\n%s", len(pauses.all()), total, strings.Join(pauses.logs, "\n"))
			}
		})
	}
}

func TestPublishFailsAtOnceWhenAskedToWaitLong(t *testing.T) {
	t.Parallel()
	for name, applies := range map[string]func(*http.Request) bool{
		"upload":   isUpload,
		"manifest": func(r *http.Request) bool { return r.Method == http.MethodPut && !isUpload(r) },
		"tag": func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/1.0")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := newServer(t), newTree(t, "a")
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				return applies(r) && busy(429, func() string { return "7200" })(w, r)
			})
			client, pauses := newTestClient(Options{})
			_, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0")})
			if !errors.Is(err, ErrRetryLater) || !strings.Contains(diag.Text(err), "2h0m0s") {
				t.Errorf("error %v does not say how long to wait", err)
			}
			if name == "tag" && strings.Count(err.Error(), "tagging ") != 1 {
				t.Errorf("error %v does not say once what failed", err)
			}
			if got := pauses.all(); len(got) > 0 {
				t.Errorf("waited %v", got)
			}
		})
	}
}

func TestPublishFailingBeforeTags(t *testing.T) {
	t.Parallel()
	c := newTree(t, "new")
	invalid := func(w http.ResponseWriter) bool {
		return jsonError(w, http.StatusBadRequest, "MANIFEST_INVALID", "we do not like \x1b[31mthis")
	}
	for name, applies := range map[string]func(*http.Request) bool{
		"last manifest":               func(r *http.Request) bool { return isManifestPut(r, c.manifests[0].Digest.String()) },
		"second repository, blob":     func(r *http.Request) bool { return r.Method == "POST" && strings.Contains(r.URL.Path, "other/") },
		"second repository, manifest": func(r *http.Request) bool { return r.Method == "PUT" && strings.Contains(r.URL.Path, "other/") },
	} {
		t.Run(name, func(t *testing.T) {
			s, old, refs := published(t)
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool { return applies(r) && invalid(w) })
			client, _ := newTestClient(Options{})
			got, err := client.Publish(t.Context(), c, c.root, append(refs, s.ref(t, "other/place:1")))
			if err == nil || len(got) > 0 {
				t.Fatalf("published %v, error %v", got, err)
			}
			if !strings.Contains(diag.Text(err), "manifest invalid: we do not like [31mthis") {
				t.Errorf("the registry's own words are not in %q", err)
			}
			for _, tag := range []string{"1.0", "latest"} {
				if got := s.digestOf(t, "acme/curl", tag); got != old.root.Digest {
					t.Errorf("%s moved to %q", tag, got)
				}
			}
			if got := s.digestOf(t, "other/place", "1"); got != "" {
				t.Errorf("other/place:1 was written: %s", got)
			}
		})
	}
}

func TestPublishCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		return busy(503, func() string { return "50" })(w, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	client := New(Options{Log: func(string, ...any) { cancel() }}) // really sleeps
	begin := time.Now()
	_, err := client.Publish(ctx, c, c.root, []Reference{s.ref(t, "acme/curl:1.0")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("took %s to stop", d)
	}
	if got := s.take(); len(got) > len(c.blobs) {
		t.Errorf("went on: %q", got)
	}
}
