package quirks

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // where content is kept
	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
)

// Registry is a running registry.
type Registry struct {
	server *httptest.Server
	// App is the registry behind the switches.
	App http.Handler

	// HTTP2 tells that it speaks HTTP/2 over TLS.
	HTTP2 bool
	// client is the certificate that it asks of clients, if any.
	client *clientCertificate

	chain  []func(http.Handler) http.Handler
	handle http.Handler

	mu       sync.Mutex
	requests []string
}

// Switch turns a quirk on.
type Switch func(r *Registry)

// Middleware makes a switch of a handler that answers some requests itself.
func Middleware(m func(next http.Handler) http.Handler) Switch {
	return func(r *Registry) { r.chain = append(r.chain, m) }
}

// When makes a switch that has f answer the requests that match.
func When(match func(*http.Request) bool, f http.HandlerFunc) Switch {
	return Middleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if match(r) {
				f(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

// HTTP2 has the registry speak HTTP/2 over TLS.
func HTTP2() Switch { return func(r *Registry) { r.HTTP2 = true } }

// New starts a registry that ends with the test.
func New(t testing.TB, switches ...Switch) *Registry {
	t.Helper()
	logrus.SetOutput(io.Discard)
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"inmemory":    configuration.Parameters{},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
	}
	config.HTTP.Secret = "secret"
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r := &Registry{App: handlers.NewApp(ctx, config)}
	for _, s := range switches {
		s(r)
	}
	r.handle = r.App
	for _, m := range slices.Backward(r.chain) {
		r.handle = m(r.handle)
	}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if r.HTTP2 {
		startHTTP2(r.server, r.client)
	} else {
		r.server.Start()
	}
	t.Cleanup(r.server.Close)
	return r
}

func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.Method+" "+req.URL.RequestURI())
	r.mu.Unlock()
	r.handle.ServeHTTP(w, req)
}

// Host returns host and port.
func (r *Registry) Host() string {
	_, host, _ := strings.Cut(r.server.URL, "://")
	return host
}

// Requests returns the requests so far with a method, whose address contains
// part.
func (r *Registry) Requests(method, part string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.requests), func(s string) bool {
		return !strings.HasPrefix(s, method+" ") || !strings.Contains(s, part)
	})
}

// Digest returns what a tag points at, past all switches; "" when there is no
// such tag.
func (r *Registry) Digest(repo, tag string) digest.Digest {
	w := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodHead, "/v2/"+repo+"/manifests/"+tag, nil)
	req.Header.Set("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "+
		"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json")
	r.App.ServeHTTP(w, req)
	return digest.Digest(w.Header().Get("Docker-Content-Digest"))
}

// Trust writes the certificate authority of the registry into a folder of
// docker's form, DIR/HOST/ca.crt.
func (r *Registry) Trust(t testing.TB, dir string) {
	t.Helper()
	dir = filepath.Join(dir, r.Host())
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw})
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), cert, 0o644); err != nil {
		t.Fatal(err)
	}
	if r.client != nil {
		r.client.write(t, dir)
	}
}

// Error answers as the distribution specification says; detail may be nil.
func Error(w http.ResponseWriter, status int, code, message string, detail any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	one := map[string]any{"code": code, "message": message}
	if detail != nil {
		one["detail"] = detail
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{one}})
}
