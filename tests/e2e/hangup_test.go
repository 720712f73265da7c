package e2e_test

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRegistryHangsUp: an upload that the registry cuts short is tried again; a
// write to its closed connection is not output that is lost.
func TestRegistryHangsUp(t *testing.T) {
	upstream := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: world.Registry()})
	var uploads atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 1<<20 && uploads.Add(1) <= 3 {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
			return
		}
		upstream.ServeHTTP(w, r)
	}))
	defer server.Close()
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/hangup", linuxTargets), "bin/detect": script})
	large := make([]byte, 8<<20)
	_, _ = rand.Read(large) // never fails
	if err := os.WriteFile(filepath.Join(dir, "large"), large, 0o644); err != nil {
		t.Fatal(err)
	}
	ref := strings.TrimPrefix(server.URL, "http://") + "/hangup:1"
	r := extpack(t, t.TempDir(), "build", dir, "--engine", "embedded", "--push", "-t", ref)
	if n := uploads.Load(); r.code != 0 || n < 4 {
		t.Errorf("%+v after %d uploads", r, n)
	}
}
