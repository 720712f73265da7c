package torture_test

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

// sessions is in front of a registry and notes which uploads are open.
type sessions struct {
	registry http.Handler

	mu   sync.Mutex
	open map[string][]string // ids by repository
	log  map[string][]string // requests by repository
}

func newSessions(registry http.Handler) *sessions {
	return &sessions{registry: registry, open: map[string][]string{}, log: map[string][]string{}}
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
	s.log[name] = append(s.log[name], fmt.Sprintf("%s %s %d", r.Method, id, seen.status))
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

// take forgets the uploads to a repository. It returns what is wrong with them.
func (s *sessions) take(name string) (problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open := s.open[name]; len(open) > 0 {
		problem = fmt.Sprintf("left the uploads %q open after %q", open, s.log[name])
	}
	delete(s.open, name)
	delete(s.log, name)
	return problem
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
