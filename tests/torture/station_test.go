package torture_test

import (
	"context"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/extpack/extpack/tests/quirks"
)

// registries are the implementations behind the fault proxy.
var registries = map[string]func(t *testing.T) http.Handler{
	"distribution": func(t *testing.T) http.Handler { return quirks.New(t).App },
	"ociregistry":  func(*testing.T) http.Handler { return ociserver.New(ocimem.New(), nil) },
}

// station is a fault proxy in front of a registry, for one case at a time.
type station struct {
	proxy   *quirks.Registry
	backend *sessions
	direct  string // http://HOST of the registry, past the proxy
	config  string // DOCKER_CONFIG, which trusts the proxy
	closed  chan struct{}

	mu    sync.Mutex
	seen  int
	fault fault
	at    int  // which request it is for, counted from 1; 0 for none
	rest  bool // and all that follow
	hook  func()
	// hit says whether the client cannot know that an upload is open: a request
	// that begins or cancels one was broken, or one was answered with a success
	// that it was not.
	hit bool
	// posting and breaking are the numbers of requests in progress that begin an
	// upload, and that are broken.
	posting, breaking int
	posted            time.Time // when one last began or ended
}

// newStations starts n stations in front of one registry.
func newStations(t *testing.T, backend http.Handler, http2 bool, n int) []*station {
	t.Helper()
	tracked := newSessions(backend)
	direct := httptest.NewServer(tracked)
	direct.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(direct.Close)
	stations := make([]*station, n)
	for i := range stations {
		s := &station{backend: tracked, direct: direct.URL, config: t.TempDir(), closed: make(chan struct{})}
		switches := []quirks.Switch{
			quirks.Middleware(s.choose),
			quirks.GoAway(math.MaxInt, s.wants(goAway)),
			quirks.Hang(math.MaxInt, s.wants(hangUp)),
			quirks.Middleware(func(http.Handler) http.Handler { return http.HandlerFunc(s.serve) }),
		}
		if http2 {
			switches = append(switches, quirks.HTTP2())
		}
		s.proxy = quirks.New(t, switches...)
		if http2 {
			s.proxy.Trust(t, filepath.Join(s.config, "certs.d"))
		}
		stations[i] = s
		t.Cleanup(func() { close(s.closed) }) // before the servers are
	}
	return stations
}

// silent waits for the client to go. A server does not notice that before it has
// read the request.
func (s *station) silent(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}

// arm has request number at be broken, and all that follow if rest is set. hook
// is called as the request arrives, unless nil.
func (s *station) arm(f fault, at int, rest bool, hook func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.fault, s.at, s.rest, s.hook, s.hit = 0, f, at, rest, hook, false
}

// lost reports whether the client may not know of an upload, or has cancelled it
// without effect.
func (s *station) lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hit
}

// lose notes that the client may not know of an upload.
func (s *station) lose(may bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hit = s.hit || may
}

// disarm returns how many requests were seen since [station.arm].
func (s *station) disarm() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = 0
	return s.seen
}

// misleads reports whether a client takes the fault for an answer of the registry,
// which has not handled the request.
func (f fault) misleads() bool {
	return strings.HasPrefix(f.name, "2") || slices.Contains([]string{"a cut chunk", "broken chunks", "another version"}, f.name)
}

type chosenKey struct{}

// choose counts requests, and notes in the one to be broken how.
func (s *station) choose(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen++
		hit := s.at > 0 && (s.seen == s.at || s.rest && s.seen > s.at)
		f, hook := s.fault, s.hook
		begins := r.Method == http.MethodPost && strings.Contains(r.URL.Path, uploads)
		s.hit = s.hit || hit && strings.Contains(r.URL.Path, uploads) && (begins || r.Method == http.MethodDelete || f.misleads())
		if r.ProtoMajor == 2 {
			// A fault may end the connection, and with it the answers to others.
			// The answer may still be on its way.
			s.hit = s.hit || hit && (s.posting > 0 || f.endsConnection() && time.Since(s.posted) < time.Second) || begins && s.breaking > 0
			defer s.count(begins, hit)()
		}
		s.mu.Unlock()
		if hit {
			if hook != nil {
				hook()
			}
			r = r.WithContext(context.WithValue(r.Context(), chosenKey{}, f))
		}
		next.ServeHTTP(w, r)
	})
}

// count counts a request in progress until the function that it returns is
// called. The caller holds the lock.
func (s *station) count(begins, hit bool) (done func()) {
	add := func(n int) {
		if begins {
			s.posting += n
			s.posted = time.Now()
		}
		if hit {
			s.breaking += n
		}
	}
	add(1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		add(-1)
	}
}

func chosen(r *http.Request) (fault, bool) {
	f, ok := r.Context().Value(chosenKey{}).(fault)
	return f, ok
}

// wants matches requests with a fault on the connection.
func (s *station) wants(e ending) func(*http.Request) bool {
	return func(r *http.Request) bool {
		f, ok := chosen(r)
		if !ok || f.ending != e {
			return false
		}
		if f.forwarded {
			s.record(r)
		}
		return true
	}
}

func (s *station) serve(w http.ResponseWriter, r *http.Request) {
	if f, ok := chosen(r); ok && f.strike != nil {
		f.strike(s, w, r)
		return
	}
	s.backend.ServeHTTP(w, r)
}

// record has the registry answer without the client.
func (s *station) record(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	s.backend.ServeHTTP(rec, r)
	return rec
}

func (s *station) repository(name string) repository { return repository{s.direct, name} }

// room makes a room whose commands know the station.
func (s *station) room(dir string) (*room, error) {
	return newRoom(dir, "DOCKER_CONFIG="+s.config, "NO_PROXY=*")
}

func ramDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "extpack-torture-")
	if err != nil {
		return t.TempDir() // slower
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
