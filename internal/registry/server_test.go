package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"

	"github.com/extpack/extpack/internal/oci"
)

// server is a real registry on loopback behind a handler that records every
// request and may answer in the registry's stead.
type server struct {
	*httptest.Server
	app http.Handler

	mu       sync.Mutex
	requests []string // "METHOD path?query", in order of arrival
	fault    func(w http.ResponseWriter, r *http.Request) bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	logrus.SetOutput(io.Discard)
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"inmemory":    configuration.Parameters{},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
	}
	config.HTTP.Secret = "secret"
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s := &server{app: handlers.NewApp(ctx, config)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	line := r.Method + " " + r.URL.Path
	if r.URL.RawQuery != "" {
		line += "?" + r.URL.RawQuery
	}
	s.mu.Lock()
	s.requests = append(s.requests, line)
	fault := s.fault
	s.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	s.app.ServeHTTP(w, r)
}

// setFault lets f answer requests from now on; it returns false to pass one on
// to the registry.
func (s *server) setFault(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// take returns the requests so far and forgets them.
func (s *server) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.requests
	s.requests = nil
	return out
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

func (s *server) ref(t *testing.T, name string) Reference {
	t.Helper()
	ref, err := ParseReference(s.host() + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// digestOf asks the registry itself, past any fault, what a tag points at; ""
// when there is none.
func (s *server) digestOf(t *testing.T, repo, tag string) digest.Digest {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodHead, "/v2/"+repo+"/manifests/"+tag, nil)
	r.Header.Set("Accept", strings.Join(oci.ManifestTypes, ","))
	s.app.ServeHTTP(w, r)
	switch w.Code {
	case http.StatusOK:
		return digest.Digest(w.Header().Get("Docker-Content-Digest"))
	case http.StatusNotFound:
		return ""
	}
	t.Fatalf("HEAD %s:%s: %d", repo, tag, w.Code)
	return ""
}

// matching returns the requests that start with method and contain part.
func matching(requests []string, method, part string) []string {
	return slices.DeleteFunc(slices.Clone(requests), func(s string) bool {
		return !strings.HasPrefix(s, method+" ") || !strings.Contains(s, part)
	})
}

// writes returns the requests that change a registry.
func writes(requests []string) []string {
	return slices.DeleteFunc(slices.Clone(requests), func(s string) bool {
		return strings.HasPrefix(s, "GET ") || strings.HasPrefix(s, "HEAD ")
	})
}

// sleeps records pauses instead of making them.
type sleeps struct {
	mu   sync.Mutex
	list []time.Duration
	logs []string
}

func (s *sleeps) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, d)
	return context.Cause(ctx)
}

func (s *sleeps) logf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, fmt.Sprintf(format, args...))
}

func (s *sleeps) all() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

func newTestClient(o Options) (*Client, *sleeps) {
	s := &sleeps{}
	if o.Log == nil {
		o.Log = s.logf
	}
	c := New(o)
	c.backoff.sleep = s.sleep
	return c, s
}

// drop cuts the connection without an answer.
func drop(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }

// jsonError answers as the distribution specification says.
func jsonError(w http.ResponseWriter, status int, code, message string) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"errors": []any{map[string]any{"code": code, "message": message, "detail": map[string]any{"x": 1}}},
	})
	return true
}
