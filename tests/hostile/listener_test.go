package hostile_test

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/extpack/extpack/tests/sandbox"
)

// canaries are credentials as they are in the environment of the person who builds.
var canaries = map[string]string{
	"AWS_ACCESS_KEY_ID":              "AKIACANARY",
	"AWS_SECRET_ACCESS_KEY":          "canary-aws-secret",
	"AWS_SESSION_TOKEN":              "canary-aws-session",
	"ACTIONS_RUNTIME_TOKEN":          actionsToken,
	"AZURE_STORAGE_CONNECTION":       "canary-azure",
	"AZURE_CLIENT_SECRET":            "canary-azure-secret",
	"GIT_AUTH_TOKEN":                 "canary-git",
	"GITHUB_TOKEN":                   "canary-github",
	"BUILDX_BAKE_GIT_AUTH_TOKEN":     "canary-bake-git",
	"GOOGLE_APPLICATION_CREDENTIALS": "/canary-google",
}

// actionsToken is a token of GitHub Actions as its client expects it: a JWT that
// names the scopes of the cache.
var actionsToken = strings.Join([]string{
	base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)),
	base64.RawURLEncoding.EncodeToString([]byte(`{"ac":"[{\"Scope\":\"refs/heads/main\",\"Permission\":3}]","exp":99999999999,"nbf":1,"iat":1}`)),
	base64.RawURLEncoding.EncodeToString([]byte("canary-actions")),
}, ".")

// registryCanary is the password that the docker configuration has for the
// listener's host.
const registryCanary = "canary-registry"

// listener is a server that hopes for credentials.
type listener struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, true)
		l.mu.Lock()
		l.requests = append(l.requests, string(dump))
		l.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/v2/") && r.Header.Get("Authorization") == "" {
			w.Header().Set("Www-Authenticate", `Basic realm="listener"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) addr() string { return l.Listener.Addr().(*net.TCPAddr).String() }

// received returns the requests that arrived, and the canaries in them.
func (l *listener) received() (requests int, found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Join(l.requests, "\n")
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + registryCanary))
	for name, value := range canaries {
		if strings.Contains(all, value) {
			found = append(found, name)
		}
	}
	if strings.Contains(all, basic) {
		found = append(found, "the registry's password")
	}
	return len(l.requests), found
}

// credentials returns an environment with every credential, for
// the sandbox and the listener.
func credentials(t *testing.T, s *sandbox.Sandbox, l *listener) []string {
	t.Helper()
	env := s.Env()
	for name, value := range canaries {
		env = append(env, name+"="+value)
	}
	var config string
	for _, kv := range env {
		if dir, ok := strings.CutPrefix(kv, "DOCKER_CONFIG="); ok {
			config = dir
		}
	}
	own := t.TempDir()
	if err := os.CopyFS(own, os.DirFS(config)); err != nil {
		t.Fatal(err)
	}
	auth := base64.StdEncoding.EncodeToString([]byte("user:" + registryCanary))
	writeFiles(t, own, map[string]string{"config.json": `{"auths": {"` + l.addr() + `": {"auth": "` + auth + `"}}}`})
	// The builder is looked for where the sandbox has it.
	return append(env, "DOCKER_CONFIG="+own, "BUILDX_CONFIG="+filepath.Join(config, "buildx"))
}
