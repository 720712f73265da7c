package registry

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http/httpproxy"

	"github.com/extpack/extpack/internal/diag"
)

// newProxy returns the address of a proxy that connects to target, or answers
// with a status.
func newProxy(t *testing.T, target string, status int) (addr string, connects *atomic.Int32) {
	t.Helper()
	connects = &atomic.Int32{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connects.Add(1)
		if r.Method != http.MethodConnect || status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		there, err := net.Dial("tcp", target)
		if err != nil {
			t.Error(err)
			return
		}
		w.WriteHeader(http.StatusOK)
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _, _ = io.Copy(there, here); _ = there.Close() }()
		go func() { _, _ = io.Copy(here, there); _ = here.Close() }()
	}))
	t.Cleanup(proxy.Close)
	return proxy.Listener.Addr().String(), connects
}

func through(t *testing.T, o Options, proxy string) *Client {
	t.Helper()
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := newTestClient(o)
	c.stalls.base.(*hostTransport).proxy = http.ProxyURL(u)
	return c
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, tc := range map[string]struct {
		status     int
		scheme     string
		user       string
		insecure   bool
		text, hint string
	}{
		"no password":       {407, "http", "", false, "does not connect to registry.test:443: 407 Proxy Authentication Required", "set HTTPS_PROXY to http://USER:PASSWORD@"},
		"wrong password":    {407, "http", "me:s3cret@", false, "does not connect to registry.test:443: 407", "check the user and the password in HTTPS_PROXY"},
		"forbidden":         {403, "http", "", false, "does not connect to registry.test:443: 403 Forbidden", "the rules of the proxy"},
		"unknown host":      {503, "http", "", false, "does not connect to registry.test:443: 503", "check the name registry.test"},
		"not there":         {0, "http", "me:s3cret@", false, "cannot be reached: ", "check HTTPS_PROXY, or add registry.test to NO_PROXY"},
		"no TLS":            {407, "https", "", false, "cannot be reached: ", "check HTTPS_PROXY"},
		"no TLS, insecure":  {407, "https", "", true, "cannot be reached: ", "check HTTPS_PROXY"},
		"refuses, insecure": {403, "http", "", true, "does not connect to registry.test:443: 403", "the rules of the proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, connects := newProxy(t, "", tc.status)
			if tc.status == 0 {
				proxy = closed.Addr().String()
			}
			client := through(t, Options{Insecure: tc.insecure}, tc.scheme+"://"+tc.user+proxy)
			_, err := client.CheckPush(t.Context(), mustTag(t, "registry.test/acme/x:1"))
			var hint *diag.HintError
			if !errors.As(err, &hint) || !strings.Contains(err.Error(), "the proxy "+proxy+" "+tc.text) ||
				!strings.Contains(hint.Hint, tc.hint) || strings.Contains(err.Error()+hint.Hint, "s3cret") {
				t.Errorf("%v\nhint: %q", err, diag.Hint(err))
			}
			if n := connects.Load(); n > 1 {
				t.Errorf("%d requests to the proxy", n)
			}
		})
	}
}

func TestPublishThroughProxy(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	secure := httptest.NewTLSServer(s)
	t.Cleanup(secure.Close)
	proxy, connects := newProxy(t, secure.Listener.Addr().String(), http.StatusOK)
	client := through(t, Options{Insecure: true}, "http://"+proxy)
	if _, err := client.Publish(t.Context(), c, c.root, []Reference{mustTag(t, "registry.test/acme/x:1")}); err != nil {
		t.Fatal(err)
	}
	if got := s.digestOf(t, "acme/x", "1"); got != c.root.Digest || connects.Load() == 0 {
		t.Errorf("the tag is at %q after %d connections", got, connects.Load())
	}
}

func TestInvalidProxy(t *testing.T) {
	t.Parallel()
	const invalid = "http://me:s3cr%zz@proxy.test"
	for name, tc := range map[string]struct {
		vars   httpproxy.Config
		target string
		want   string
	}{
		"https":     {httpproxy.Config{HTTPSProxy: invalid}, "https://registry.test/v2/", "HTTPS_PROXY is not the URL of a proxy"},
		"http":      {httpproxy.Config{HTTPProxy: invalid}, "http://registry.test/v2/", "HTTP_PROXY is not the URL of a proxy"},
		"not used":  {httpproxy.Config{HTTPProxy: invalid}, "https://registry.test/v2/", ""},
		"excluded":  {httpproxy.Config{HTTPSProxy: invalid, NoProxy: "registry.test"}, "https://registry.test/v2/", ""},
		"loopback":  {httpproxy.Config{HTTPSProxy: invalid}, "https://localhost/v2/", ""},
		"no proxy":  {httpproxy.Config{}, "https://registry.test/v2/", ""},
		"all of it": {httpproxy.Config{HTTPSProxy: invalid, NoProxy: "*"}, "https://registry.test/v2/", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, err := url.Parse(tc.target)
			if err != nil {
				t.Fatal(err)
			}
			err = checkProxy(&tc.vars, target)
			if (err == nil) != (tc.want == "") || err != nil && (!strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cr")) {
				t.Error(err)
			}
		})
	}
}
