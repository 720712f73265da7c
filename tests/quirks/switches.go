package quirks

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// HiddenTags answers 403 for a tag that is not there, as Artifactory does.
func HiddenTags() Switch {
	return answered(func(r *http.Request) bool { return IsTag(r) && r.Method != http.MethodPut }, func(w *httptest.ResponseRecorder) {
		if w.Code == http.StatusNotFound {
			w.Code = http.StatusForbidden
		}
	})
}

// NoTagHead answers HEAD of every tag with a status, as if it did not exist or
// the method did not.
func NoTagHead(status int) Switch {
	return When(func(r *http.Request) bool { return IsTag(r) && r.Method == http.MethodHead },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// WriteOnly refuses every look, as for credentials that may push and not read.
func WriteOnly() Switch {
	return When(IsLook, func(w http.ResponseWriter, _ *http.Request) {
		Error(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied", nil)
	})
}

// NoTagList refuses to list tags.
func NoTagList() Switch {
	return When(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/tags/list") }, func(w http.ResponseWriter, _ *http.Request) {
		Error(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied", nil)
	})
}

// BlobLook answers looks for blobs with a status.
func BlobLook(status int) Switch {
	return When(func(r *http.Request) bool {
		return r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/")
	},
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// NoRedeploy refuses manifests that it has already, by tag or digest, as Nexus
// does with its default policy.
func NoRedeploy() Switch {
	var mu sync.Mutex
	seen := map[digest.Digest]bool{}
	return Middleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && IsManifest(r) {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				mu.Lock()
				again := seen[digest.FromBytes(body)]
				seen[digest.FromBytes(body)] = true
				mu.Unlock()
				if again {
					Error(w, http.StatusBadRequest, "UNKNOWN", "unknown error", "Repository does not allow updating assets")
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	})
}

// NoIndexByDigest takes indexes under tags only.
func NoIndexByDigest() Switch {
	return When(func(r *http.Request) bool {
		return r.Method == http.MethodPut && IsManifest(r) && !IsTag(r) && strings.Contains(r.Header.Get("Content-Type"), "index")
	}, func(w http.ResponseWriter, _ *http.Request) {
		Error(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported", nil)
	})
}

// PutStatus answers a manifest that was stored with another success than 201,
// as Quay does with 202.
func PutStatus(status int) Switch {
	return answered(func(r *http.Request) bool { return r.Method == http.MethodPut && IsManifest(r) }, func(w *httptest.ResponseRecorder) {
		if w.Code == http.StatusCreated {
			w.Code = status
		}
	})
}

// Stale answers the first n looks at a tag after it was written as if it had
// not been, as replicas do.
func Stale(n int) Switch {
	var mu sync.Mutex
	left := map[string]int{}
	return Middleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			stale := IsTag(r) && r.Method != http.MethodPut && left[r.URL.Path] > 0
			if stale {
				left[r.URL.Path]--
			}
			mu.Unlock()
			if stale {
				Error(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown", nil)
				return
			}
			next.ServeHTTP(w, r)
			if IsTagPut(r) {
				mu.Lock()
				left[r.URL.Path] = n
				mu.Unlock()
			}
		})
	})
}

// Conditional honours If-Match and If-None-Match when tags are written; broken
// refuses every condition instead. Other registries ignore them.
func Conditional(broken bool) Switch {
	return Middleware(func(next http.Handler) http.Handler {
		var mu sync.Mutex
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !IsTagPut(r) {
				next.ServeHTTP(w, r)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			head := r.Clone(r.Context())
			head.Method, head.Body, head.ContentLength = http.MethodHead, http.NoBody, 0
			head.Header.Set("Accept", "*/*, application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json")
			now := httptest.NewRecorder()
			next.ServeHTTP(now, head)
			match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
			if broken && match+none != "" || match != "" && match != now.Header().Get("ETag") || none == "*" && now.Code == http.StatusOK {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

// Mount answers requests to mount a blob with a status.
func Mount(status int) Switch {
	return When(func(r *http.Request) bool { return r.URL.Query().Has("mount") },
		func(w http.ResponseWriter, _ *http.Request) { Error(w, status, "UNKNOWN", "unknown error", nil) })
}

// Fail answers the first n requests that match with an error.
func Fail(n int, match func(*http.Request) bool, status int, code, message string, detail any) Switch {
	return When(times(n, match), func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		Error(w, status, code, message, detail)
	})
}

// MaxBody refuses requests whose body is larger, as a proxy does.
func MaxBody(limit int64) Switch {
	return When(func(r *http.Request) bool { return r.ContentLength > limit }, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, "<html><center>nginx</center></html>")
	})
}

// NoOCI refuses manifests of OCI's types.
func NoOCI() Switch {
	return When(func(r *http.Request) bool {
		return r.Method == http.MethodPut && IsManifest(r) && strings.Contains(r.Header.Get("Content-Type"), "vnd.oci.")
	}, func(w http.ResponseWriter, r *http.Request) {
		Error(w, http.StatusUnsupportedMediaType, "MANIFEST_INVALID", "manifest invalid",
			map[string]any{"message": "unsupported media type " + r.Header.Get("Content-Type")})
	})
}

// NoRepository has no repository to push to.
func NoRepository() Switch {
	return When(func(r *http.Request) bool { return r.Method == http.MethodPost }, func(w http.ResponseWriter, _ *http.Request) {
		Error(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry", nil)
	})
}

// NoChunks takes blobs only whole.
func NoChunks() Switch {
	return When(func(r *http.Request) bool { return r.Method == http.MethodPatch }, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
}

// UploadsElsewhere continues uploads at another host. The registry names that host
// in Location, or with redirect in a redirect of the first request. leaked is
// called for requests with credentials.
func UploadsElsewhere(t testing.TB, redirect bool, leaked func(*http.Request)) Switch {
	return Middleware(func(next http.Handler) http.Handler {
		storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				leaked(r)
			}
			next.ServeHTTP(w, r)
		}))
		t.Cleanup(storage.Close)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method != http.MethodPost:
				next.ServeHTTP(w, r)
			case redirect:
				http.Redirect(w, r, storage.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect) //nolint:gosec // to a server of the test
			default:
				r.Host = strings.TrimPrefix(storage.URL, "http://") // of which the registry makes the location
				next.ServeHTTP(w, r)
			}
		})
	})
}

// answered changes answers of the registry.
func answered(match func(*http.Request) bool, change func(*httptest.ResponseRecorder)) Switch {
	return Middleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !match(r) {
				next.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			change(rec)
			copyAnswer(w, rec)
		})
	})
}

func copyAnswer(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}
