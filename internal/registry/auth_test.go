package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"
)

func static(host string, cred auth.Credential) auth.CredentialFunc {
	return func(_ context.Context, h string) (auth.Credential, error) {
		if h == host {
			return cred, nil
		}
		return auth.EmptyCredential, nil
	}
}

// tokens is a token server for one user.
type tokens struct {
	*httptest.Server
	fetched atomic.Int32
	mu      sync.Mutex
	scopes  []string
}

func newTokens(t *testing.T, accept func(*http.Request) bool) *tokens {
	t.Helper()
	ts := &tokens{}
	ts.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ts.fetched.Add(1)
		if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			t.Error("a registry's token went to the token server")
		}
		_ = r.ParseForm()
		ts.mu.Lock()
		ts.scopes = append(ts.scopes, r.Form["scope"]...)
		ts.mu.Unlock()
		if !accept(r) {
			jsonError(w, http.StatusUnauthorized, "UNAUTHORIZED", "wrong password")
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"token": "tok-" + strings.Join(r.Form["scope"], "+")})
	}))
	t.Cleanup(ts.Close)
	return ts
}

// protect makes a registry ask for tokens of ts, as Docker Hub does.
func protect(t *testing.T, s *server, ts *tokens) {
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		header := r.Header.Get("Authorization")
		if strings.HasPrefix(header, "Basic ") {
			t.Errorf("%s %s: the password went to the registry", r.Method, r.URL.Path)
		}
		scope := "pull"
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			scope = "pull,push"
		}
		repo, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/blobs")
		repo, _, _ = strings.Cut(repo, "/manifests")
		if strings.HasPrefix(header, "Bearer tok-") && strings.Contains(header, "repository:"+repo+":"+scope) {
			return false
		}
		w.Header().Add("WWW-Authenticate", `Negotiate`)
		w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Basic realm="x", Bearer realm=%q,service="reg",scope="repository:%s:%s"`, ts.URL+"/token?a=b", repo, scope))
		return jsonError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	password := func(r *http.Request) bool {
		user, pass, _ := r.BasicAuth()
		return r.Method == http.MethodGet && user == "me" && pass == "secret" && r.Form.Get("service") == "reg" && r.Form.Get("a") == "b"
	}
	identity := func(r *http.Request) bool {
		return r.Method == http.MethodPost && r.Form.Get("refresh_token") == "id-token" &&
			r.Form.Get("grant_type") == "refresh_token" && r.Header.Get("Authorization") == ""
	}
	for name, tc := range map[string]struct {
		cred   auth.Credential
		accept func(*http.Request) bool
		ok     bool
	}{
		"password":       {auth.Credential{Username: "me", Password: "secret"}, password, true},
		"identity token": {auth.Credential{RefreshToken: "id-token"}, identity, true},
		"wrong":          {auth.Credential{Username: "me", Password: "other"}, password, false},
		"anonymous":      {auth.EmptyCredential, func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, ts := newServer(t), newTree(t, "a"), newTokens(t, tc.accept)
			protect(t, s, ts)
			client, _ := newTestClient(Options{Credentials: static(s.host(), tc.cred), Concurrency: 8})
			_, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0"), s.ref(t, "acme/wget:1.0")})
			if tc.ok {
				if err != nil {
					t.Fatal(err)
				}
				// One for each repository, one that spans both to mount.
				if n := ts.fetched.Load(); n > 3 {
					t.Errorf("%d tokens fetched: %q", n, ts.scopes)
				}
				return
			}
			var hint *diag.HintError
			if !errors.Is(err, ErrUnauthorized) || !errors.As(err, &hint) || !strings.Contains(hint.Hint, "docker login "+s.host()) {
				t.Errorf("error is %v", err)
			}
			if !strings.Contains(diag.Text(err), "wrong password") || strings.Contains(diag.Text(err), "other") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestTokenIsRenewed(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	var valid atomic.Int32
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"%d"}`, valid.Add(1))
	}))
	t.Cleanup(ts.Close)
	var n atomic.Int32
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if n.Add(1)%10 == 0 {
			valid.Add(1) // all tokens expire
		}
		if r.Header.Get("Authorization") == fmt.Sprintf("Bearer %d", valid.Load()) {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("bearer realm=%q", ts.URL))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	client, _ := newTestClient(Options{Concurrency: 1})
	if _, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0")}); err != nil {
		t.Error(err)
	}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	var refused atomic.Int32
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if user, pass, _ := r.BasicAuth(); user == "me" && pass == "secret" {
			return false
		}
		refused.Add(1)
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		return jsonError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	})
	ref := s.ref(t, "acme/curl:1.0")
	client, _ := newTestClient(Options{Credentials: static(s.host(), auth.Credential{Username: "me", Password: "secret"}), Concurrency: 1})
	if _, err := client.Publish(t.Context(), c, c.root, []Reference{ref}); err != nil {
		t.Fatal(err)
	}
	if n := refused.Load(); n != 1 {
		t.Errorf("%d requests without the credential, want the first only", n)
	}
	for name, cred := range map[string]auth.Credential{"none": {}, "wrong": {Username: "me", Password: "x"}} {
		client, _ := newTestClient(Options{Credentials: static(s.host(), cred)})
		s.take()
		if _, err := client.Open(t.Context(), ref); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("%s: error is %v", name, err)
		}
		if n := len(s.take()); n > 2 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// TestRedirectsLoseCredentials has blobs on another server, on the same host
// name but another port, as the standard library would still send the header.
func TestRedirectsLoseCredentials(t *testing.T) {
	t.Parallel()
	config := v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: someDigest, Size: 2}
	seen := make(chan http.Header, 8)
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/phishing"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(storage.Close)
	s := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/blobs/"):
			http.Redirect(w, r, storage.URL+"/x?signature=secret", http.StatusTemporaryRedirect)
		default:
			w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
			_, _ = io.WriteString(w, emptyIndex)
		}
	})
	client, _ := newTestClient(Options{Credentials: static(s.host(), auth.Credential{Username: "me", Password: "secret"})})
	src, err := client.Open(t.Context(), s.ref(t, "acme/curl:1"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = src.Fetch(t.Context(), config)
	if !errors.Is(err, ErrUnauthorized) || strings.Contains(diag.Text(err), "signature") {
		t.Errorf("error is %v", err)
	}
	close(seen)
	n := 0
	for h := range seen {
		n++
		if got := h.Get("Authorization"); got != "" {
			t.Errorf("the storage was sent %q", got)
		}
	}
	if n != 1 {
		t.Errorf("the storage was asked %d times", n)
	}
}

func TestTokenServerRedirect(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		t.Errorf("the credential followed a redirect: %v %v", r.Header, r.Form)
	}))
	t.Cleanup(elsewhere.Close)
	ts := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(ts.Close)
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer realm=%q", ts.URL))
		w.WriteHeader(http.StatusUnauthorized)
	})
	for name, cred := range map[string]auth.Credential{"password": {Username: "me", Password: "secret"}, "identity token": {RefreshToken: "id"}} {
		client, _ := newTestClient(Options{Credentials: static(s.host(), cred)})
		if _, err := client.Resolve(t.Context(), s.ref(t, "a/b:1")); err == nil || !strings.Contains(diag.Text(err), "redirects to") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestParseRealm(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		registry, realm string
		ok              bool
	}{
		{"https://registry-1.docker.io", "https://auth.docker.io/token", true},
		{"https://10.0.0.5:5000", "https://10.0.0.6/token", true}, // GitLab on a private network
		{"https://10.0.0.5:5000", "https://10.0.0.5/token", true},
		{"http://localhost:5000", "http://localhost:5001/token", true},
		{"http://127.0.0.1:5000", "http://127.0.0.2:5001/token", true},
		{"https://10.0.0.5", "http://10.0.0.5/token", false},
		{"https://10.0.0.5", "https://127.0.0.1/token", false},
		{"https://10.0.0.5", "https://[::1]/token", false},
		{"https://10.0.0.5", "https://localhost/token", false},
		{"https://10.0.0.5", "https://169.254.169.254/latest", false},
		{"https://10.0.0.5", "https://[::ffff:169.254.169.254]/latest", false},
		{"https://10.0.0.5", "https://0.0.0.0/", false},
		{"https://10.0.0.5", "file:///etc/passwd", false},
		{"https://10.0.0.5", "https://user:pw@10.0.0.6/", false},
		{"https://10.0.0.5", "/token", false},
		{"https://10.0.0.5", "", false},
	} {
		registry, err := url.Parse(tc.registry)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseRealm(t.Context(), tc.realm, registry); (err == nil) != tc.ok {
			t.Errorf("registry %s, realm %q: %v", tc.registry, tc.realm, err)
		}
	}
}
