package quirks

import (
	"net/http"
	"strings"
	"sync/atomic"
)

// IsUpload matches requests that carry a blob.
func IsUpload(r *http.Request) bool {
	return (r.Method == http.MethodPut || r.Method == http.MethodPatch) && strings.Contains(r.URL.Path, "/blobs/uploads/")
}

// IsTagPut matches the write of a tag.
func IsTagPut(r *http.Request) bool {
	return r.Method == http.MethodPut && IsTag(r)
}

// IsTag matches requests about a tag.
func IsTag(r *http.Request) bool {
	_, target, ok := strings.Cut(r.URL.Path, "/manifests/")
	return ok && !strings.Contains(target, ":")
}

// IsManifest matches requests about manifests.
func IsManifest(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }

// IsLook matches HEAD requests and reads of manifests and blobs.
func IsLook(r *http.Request) bool {
	return (r.Method == http.MethodHead || r.Method == http.MethodGet) &&
		(strings.Contains(r.URL.Path, "/manifests/") || strings.Contains(r.URL.Path, "/blobs/sha256:"))
}

// times matches the first n requests that match matches.
func times(n int, match func(*http.Request) bool) func(*http.Request) bool {
	var seen atomic.Int64
	return func(r *http.Request) bool { return match(r) && seen.Add(1) <= int64(n) }
}
