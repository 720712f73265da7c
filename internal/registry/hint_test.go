package registry

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// TestHintsOfRefusals: what registries say when they refuse a write, and what to
// do about it.
func TestHintsOfRefusals(t *testing.T) {
	t.Parallel()
	isTag := func(r *http.Request) bool { return isManifestPut(r, "1.0") }
	isPost := func(r *http.Request) bool { return r.Method == http.MethodPost }
	all := func(*http.Request) bool { return true }
	page := func(status int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<html><title>Sign in</title>"))
		}
	}
	says := func(status int, code, message string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { jsonError(w, status, code, message) }
	}
	for name, tc := range map[string]struct {
		broken func(*http.Request) bool
		answer func(http.ResponseWriter)
		hint   string
	}{
		"Harbor, immutable": {isTag, says(412, "PRECONDITION", "Failed to process request due to 'curl:1.0' configured as immutable."), "publish a new version"},
		"ECR, immutable":    {isTag, says(400, "TAG_INVALID", "The image tag '1.0' already exists and cannot be overwritten because the tag is immutable."), "publish a new version"},
		"quota":             {isPost, says(403, "DENIED", "adding 12.0 MiB of storage resource will exceed the configured upper limit"), "raise its quota"},
		"rate limit as 403": {isPost, says(403, "DENIED", "rate limit exceeded"), "limits the rate of requests"},
		"no permission":     {isPost, says(403, "DENIED", "requested access to the resource is denied"), "as another: docker login"},
		"no credentials":    {isPost, says(401, "UNAUTHORIZED", "authentication required"), "log in: docker login"},
		"no repository":     {isPost, says(404, "NAME_UNKNOWN", "repository not known"), "create the repository"},
		"no registry":       {all, page(404), "is a registry"},
		"a login page":      {all, page(200), "the login page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, tree := newServer(t), newTree(t, "a")
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				if !tc.broken(r) {
					return false
				}
				tc.answer(w)
				return true
			})
			client, _ := newTestClient(Options{})
			_, err := client.Publish(t.Context(), tree, tree.root, []Reference{s.ref(t, "acme/curl:1.0")})
			if err == nil || !strings.Contains(diag.Hint(err), tc.hint) {
				t.Errorf("%v\nhint: %q", err, diag.Hint(err))
			}
		})
	}
}

// TestHintsOfCertificates: another authority is of no use for these.
func TestHintOfOfficialImages(t *testing.T) {
	t.Parallel()
	hint := New(Options{}).hint(mustTag(t, "hello:1"), &ResponseError{StatusCode: 401})
	if want := "hello is an official image of Docker Hub: name your account, ACCOUNT/hello, and log in: docker login"; hint != want {
		t.Errorf("got %q, want %q", hint, want)
	}
}

func TestHintsOfCertificates(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"use a host name":       x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a.example"},
		"the clock":             x509.CertificateInvalidError{Reason: x509.Expired},
		"certificate authority": x509.UnknownAuthorityError{},
	} {
		if hint := untrustedHint("a.example", &tls.CertificateVerificationError{Err: err}); !strings.Contains(hint, want) || !strings.Contains(hint, "--insecure") {
			t.Errorf("%v: %q", err, hint)
		}
	}
}
