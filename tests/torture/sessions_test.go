package torture_test

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

// sessions stands in front of a registry and notes which uploads are open.
type sessions struct {
	registry http.Handler

	mu   sync.Mutex
	open map[string][]string // ids by repository
}

func newSessions(registry http.Handler) *sessions {
	return &sessions{registry: registry, open: map[string][]string{}}
}

const uploads = "/blobs/uploads/"

func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, id, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), uploads)
	if !found {
		s.registry.ServeHTTP(w, r)
		return
	}
	seen := &statusWriter{ResponseWriter: w}
	s.registry.ServeHTTP(seen, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodPost && seen.status == http.StatusAccepted:
		s.open[name] = append(s.open[name], idOf(w.Header().Get("Location")))
	case r.Method == http.MethodPut && seen.status == http.StatusCreated, r.Method == http.MethodDelete:
		s.open[name] = slices.DeleteFunc(s.open[name], func(other string) bool { return other == id })
	}
}

// idOf returns the id of the upload at a location.
func idOf(location string) string {
	location, _, _ = strings.Cut(location, "?")
	return path.Base(location)
}

// take returns how many uploads to a repository are open, and forgets them.
func (s *sessions) take(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.open[name])
	delete(s.open, name)
	return n
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
