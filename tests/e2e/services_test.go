//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// objects is a store that the caches of BuildKit are kept in.
type objects struct {
	mu   sync.Mutex
	data map[string][]byte
	// refused is a request without the credentials of the test.
	refused string
}

func (o *objects) get(name string) ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	data, ok := o.data[name]
	return data, ok
}

func (o *objects) put(name string, data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data[name] = data
}

// serve serves an object, also a range of it.
func (o *objects) serve(w http.ResponseWriter, r *http.Request, name string) {
	data, ok := o.get(name)
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// start serves until the test ends, which fails if nothing was stored.
func (o *objects) start(t *testing.T, authorized string, handler http.HandlerFunc) string {
	t.Helper()
	o.data = map[string][]byte{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), authorized) && !strings.HasPrefix(r.URL.Path, "/archive/") {
			o.mu.Lock()
			o.refused = r.Method + " " + r.URL.Path
			o.mu.Unlock()
			w.WriteHeader(http.StatusForbidden)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		if len(o.data) < 2 || o.refused != "" { // a layer, and what says which there are
			t.Errorf("the cache has %d objects; refused: %s", len(o.data), o.refused)
		}
	})
	return server.URL
}

// serveS3 serves the requests for objects of S3, and returns the URL.
func serveS3(t *testing.T) string {
	t.Helper()
	var store objects
	return store.start(t, "Credential=id/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			store.serve(w, r, r.URL.Path)
			return
		}
		if data, err := io.ReadAll(r.Body); err == nil {
			store.put(r.URL.Path, data)
		}
	})
}

// token is one of a workflow of GitHub for its cache. BuildKit reads what it
// allows and until when.
func actionsToken(t *testing.T) string {
	t.Helper()
	var parts []string
	for _, part := range []any{
		map[string]string{"alg": "HS256", "typ": "JWT"},
		map[string]any{"nbf": 1, "exp": time.Now().Add(time.Hour).Unix(), "ac": `[{"Scope":"refs/heads/main","Permission":3}]`},
		"signature",
	} {
		data, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(data))
	}
	return strings.Join(parts, ".")
}

// serveActionsCache serves the cache of GitHub's workflows, and returns the URL.
func serveActionsCache(t *testing.T) string {
	t.Helper()
	var store objects
	var keys []string // by number, from 1
	var url string
	url = store.start(t, "Bearer "+actionsToken(t)[:20], func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/_apis/artifactcache/")
		id, hasID := strings.CutPrefix(path, "caches/")
		number, _ := strconv.Atoi(id)
		store.mu.Lock()
		defer store.mu.Unlock()
		switch {
		case strings.HasPrefix(path, "/archive/"):
			store.mu.Unlock()
			store.serve(w, r, strings.TrimPrefix(path, "/archive/"))
			store.mu.Lock()
		case path == "cache":
			// The newest whose key begins with the key of the request.
			for _, key := range slices.Backward(keys) {
				if _, done := store.data[key]; done && strings.HasPrefix(key, r.URL.Query().Get("keys")) {
					reply(w, http.StatusOK, map[string]string{"cacheKey": key, "archiveLocation": url + "/archive/" + strings.ReplaceAll(key, "#", "%23")})
					return
				}
			}
			w.WriteHeader(http.StatusNoContent)
		case path == "caches":
			var asked struct{ Key string }
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || slices.Contains(keys, asked.Key) {
				reply(w, http.StatusConflict, map[string]string{"message": "already exists"})
				return
			}
			keys = append(keys, asked.Key)
			reply(w, http.StatusCreated, map[string]int{"cacheId": len(keys)})
		case hasID && number > 0 && number <= len(keys) && r.Method == http.MethodPatch:
			if data, err := io.ReadAll(r.Body); err == nil { // small enough for one request
				store.data[keys[number-1]] = data
			}
		case hasID && number > 0 && number <= len(keys):
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	return url + "/"
}

func reply(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(fmt.Sprintf("writing a reply: %v", err))
	}
}
