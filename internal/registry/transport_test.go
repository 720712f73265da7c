package registry

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/loopback"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := &backoff{now: func() time.Time { return now }}
	for _, tc := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"30", "", 30 * time.Second},
		{" 30 ", "", 30 * time.Second},
		{"-1", "", 0},
		{"soon", "", 0},
		{"99999999999999999999999", "", 365 * 24 * time.Hour},
		{now.Add(40 * time.Second).Format(http.TimeFormat), "", 40 * time.Second},
		{now.Add(40 * time.Second).Format(time.RFC850), "", 40 * time.Second},
		{now.Add(40 * time.Second).Format(time.ANSIC), "", 40 * time.Second},
		{now.Add(-time.Hour).Format(http.TimeFormat), "", 0},
		// The registry's clock is an hour ahead.
		{now.Add(time.Hour + 20*time.Second).Format(http.TimeFormat), now.Add(time.Hour).Format(http.TimeFormat), 20 * time.Second},
	} {
		h := http.Header{"Retry-After": {tc.value}, "Date": {tc.date}}
		if got := b.retryAfter(h); got != tc.want {
			t.Errorf("Retry-After %q, Date %q: %s, want %s", tc.value, tc.date, got, tc.want)
		}
	}
}

func TestRetryPassesOnTheLastAnswer(t *testing.T) {
	t.Parallel()
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		jsonError(w, http.StatusServiceUnavailable, "UNAVAILABLE", "we are moving house")
	})
	client, pauses := newTestClient(Options{})
	_, err := client.Open(t.Context(), s.ref(t, "a/b:1"))
	if err == nil || !strings.Contains(diag.Text(err), "503") || !strings.Contains(diag.Text(err), "we are moving house") {
		t.Errorf("error is %v", err)
	}
	got := pauses.all()
	if len(got) != maxRetries {
		t.Fatalf("paused %v", got)
	}
	for n, d := range got {
		if base := firstDelay << n; d < base/2 || d > base {
			t.Errorf("pause %d is %s, want %s to %s", n, d, base/2, base)
		}
	}
}

func TestFinalAnswersAreNotRetried(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 405, 413, 501, 505} {
		s := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		client, pauses := newTestClient(Options{})
		if _, err := client.Open(t.Context(), s.ref(t, "a/b:1")); err == nil {
			t.Errorf("%d: no error", status)
		}
		if got := pauses.all(); len(got) > 0 {
			t.Errorf("%d: retried", status)
		}
	}
}

func TestRefusedConnectionIsNotRetried(t *testing.T) {
	t.Parallel()
	s := scripted(t, func(http.ResponseWriter, *http.Request) {})
	ref := s.ref(t, "a/b:1")
	s.Close()
	client, pauses := newTestClient(Options{})
	if _, err := client.Resolve(t.Context(), ref); err == nil || !strings.Contains(diag.Text(err), "refused") {
		t.Errorf("error is %v", err)
	}
	if got := pauses.all(); len(got) > 0 {
		t.Errorf("retried after %v", got)
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:5000": true, "127.0.0.1": true, "127.1.2.3:80": true,
		"[::1]": true, "[::1]:5000": true, "::1": true, "[::ffff:127.0.0.1]:1": true,
		"localhost.example.com": false, "128.0.0.1": false, "10.0.0.1:5000": false, "127.0.0.1.nip.io": false,
		"example.com": false, "": false, "0.0.0.0": false, "2130706433": false,
	} {
		if got := loopback.Is(host); got != want {
			t.Errorf("loopback.Is(%q) = %v", host, got)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPlainHTTP replaces the network, to see which schemes hosts are tried
// with.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	plainOnly := func(seen *[]string) roundTrip {
		return func(r *http.Request) (*http.Response, error) {
			*seen = append(*seen, r.URL.Scheme)
			if r.URL.Scheme == "https" {
				return nil, http.ErrSchemeMismatch
			}
			return &http.Response{StatusCode: 404, Request: r, Body: http.NoBody, Header: http.Header{}}, nil
		}
	}
	for _, tc := range []struct {
		host     string
		insecure bool
		schemes  string
	}{
		{"registry.example", false, "https"},
		{"registry.example", true, "https http"},
		{"localhost:5000", false, "https http"},
		{"127.0.0.1:5000", false, "https http"},
		{"10.0.0.1:5000", false, "https"},
	} {
		var seen []string
		client, _ := newTestClient(Options{Insecure: tc.insecure})
		base := client.probe.Transport.(*guardTransport)
		base.base = plainOnly(&seen)
		ref, err := ParseReference(tc.host + "/a/b:1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Resolve(t.Context(), ref)
		if got := strings.Join(seen, " "); got != tc.schemes {
			t.Errorf("%s (insecure %v): tried %q, want %q", tc.host, tc.insecure, got, tc.schemes)
		}
		var hint *diag.HintError
		if refused := tc.schemes == "https"; !errors.As(err, &hint) || refused != strings.Contains(hint.Hint, "--insecure") {
			t.Errorf("%s (insecure %v): error %v", tc.host, tc.insecure, err)
		}
	}
}

// TestNoPlainHTTPBehindOurBack has servers lead us to plain HTTP elsewhere.
func TestNoPlainHTTPBehindOurBack(t *testing.T) {
	t.Parallel()
	const elsewhere = "http://storage.example/x"
	for name, f := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) },
		"realm": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+elsewhere+`"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
	} {
		s := scripted(t, f)
		client, _ := newTestClient(Options{})
		base := client.probe.Transport.(*guardTransport)
		network := base.base
		base.base = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Hostname() == "storage.example" {
				t.Errorf("%s: %s was asked", name, r.URL)
			}
			return network.RoundTrip(r)
		})
		if _, err := client.Resolve(t.Context(), s.ref(t, "a/b:1")); !errors.Is(err, ErrPlainHTTP) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func tlsServer(t *testing.T, f http.HandlerFunc) *server {
	t.Helper()
	s := &server{app: f}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	s.URL = strings.Replace(s.URL, "https://", "http://", 1) // for host()
	t.Cleanup(s.Close)
	return s
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	s := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
		_, _ = io.WriteString(w, emptyIndex)
	})
	client, pauses := newTestClient(Options{})
	_, err := client.Open(t.Context(), s.ref(t, "a/b:1"))
	var hint *diag.HintError
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint, "--insecure") {
		t.Errorf("error is %v", err)
	}
	if got := pauses.all(); len(got) > 0 {
		t.Errorf("retried after %v", got)
	}
	client, _ = newTestClient(Options{Insecure: true})
	if _, err := client.Open(t.Context(), s.ref(t, "a/b:1")); err != nil {
		t.Errorf("insecure: %v", err)
	}
}

func TestNoDowngradeByRedirect(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	plain := scripted(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	s := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+"/v2/a/b/manifests/1", http.StatusFound)
	})
	client, _ := newTestClient(Options{})
	// Trust the server's certificate, not just anything.
	client.auth.http.Transport = s.Client().Transport
	if _, err := client.Resolve(t.Context(), s.ref(t, "a/b:1")); !errors.Is(err, ErrPlainHTTP) {
		t.Errorf("error is %v", err)
	}
	if asked.Load() > 0 {
		t.Error("followed a redirect from https to http")
	}
}
