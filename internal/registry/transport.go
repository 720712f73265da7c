package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/extpack/extpack/internal/loopback"
)

// interruptedError is a request that may be repeated, but not by the transport,
// because its body is a stream. The caller has to create a new body. after is
// the pause that the registry requested.
type interruptedError struct {
	err   error
	after time.Duration
}

func (e *interruptedError) Error() string { return e.err.Error() }
func (e *interruptedError) Unwrap() error { return e.err }

type triesKey struct{}

// withRetries limits how often the transport repeats a request.
func withRetries(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, triesKey{}, n)
}

func retriesOf(ctx context.Context) int {
	if retries, limited := ctx.Value(triesKey{}).(int); limited {
		return retries
	}
	return maxRetries
}

// silentRetries is how often a request without a response is repeated,
// damagedRetries one whose response is not HTTP.
const (
	silentRetries  = 1
	damagedRetries = 2
)

// retryTransport repeats requests after temporary errors and lost connections.
// After the last attempt it returns the last response, so that the user sees
// the registry's message.
//
// It retries any method: only POST is not idempotent here, and repeating it
// opens an upload session that expires unused, or fetches another token.
// Requests that must not be repeated blindly, such as writing a tag, are sent
// with [withRetries] 0.
type retryTransport struct {
	base    http.RoundTripper
	backoff *backoff

	answered sync.Map // hosts that have responded, which may be restarting
}

func (t *retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	what := req.Method + " " + req.URL.Host + req.URL.Path
	retries := retriesOf(req.Context())
	silent, damaged := 0, 0
	for n, attempt := 0, req; ; n++ {
		resp, err := t.base.RoundTrip(attempt)
		var (
			cause error
			after time.Duration
		)
		if err == nil {
			t.answered.Store(req.URL.Host, true)
		}
		switch {
		case err != nil && t.isLost(req.URL.Host, err):
			cause = err
		case err == nil && (isTemporary(resp.StatusCode) || isRateLimit(resp)):
			cause = errors.New(resp.Status)
			after = t.backoff.retryAfter(resp.Header)
		default:
			return resp, err
		}
		if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
			if resp != nil {
				cause = newResponseError(resp)
				drain(resp.Body)
			}
			return nil, &interruptedError{err: cause, after: after}
		}
		if err != nil && isSilent(err) {
			silent++
		}
		if err != nil && isDamaged(err) {
			damaged++
		}
		if n >= retries || silent > silentRetries || damaged > damagedRetries {
			return resp, err
		}
		if resp != nil {
			drain(resp.Body)
		}
		if err := t.backoff.wait(req.Context(), n, after, what, cause); err != nil {
			return nil, err
		}
		attempt = req.Clone(req.Context())
		if req.GetBody != nil {
			if attempt.Body, err = req.GetBody(); err != nil {
				return nil, fmt.Errorf("%s: rewinding the request: %w", what, err)
			}
		}
	}
}

// isLost reports whether a failed request may be repeated. A host that has not
// responded yet may not exist; one that has is probably restarting if it
// refuses connections.
func (t *retryTransport) isLost(host string, err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if isDial(err) {
		_, answered := t.answered.Load(host)
		return answered
	}
	return isDropped(err)
}

// isRateLimit reports whether a response is a rate limit: some registries
// return 403 for it. The body can still be read.
func isRateLimit(resp *http.Response) bool {
	if resp.StatusCode != http.StatusForbidden || resp.Body == nil {
		return false
	}
	head, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what came is enough
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), resp.Body), resp.Body}
	return speaksOfRateLimit(string(head))
}

func speaksOfRateLimit(text string) bool {
	text = strings.ToLower(text)
	for _, words := range []string{"rate limit", "ratelimit", "rate-limit", "too many requests", "toomanyrequests"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// guardTransport rejects plain HTTP to another machine unless it was requested,
// for all requests, redirects and token servers.
type guardTransport struct {
	base     http.RoundTripper
	insecure bool
}

func (t *guardTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !t.insecure && !loopback.Is(req.URL.Host) {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper must, also on errors
		}
		return nil, fmt.Errorf("%s://%s: %w", req.URL.Scheme, req.URL.Host, ErrPlainHTTP)
	}
	return t.base.RoundTrip(req)
}

// newHTTPTransport returns the innermost transport.
func newHTTPTransport(insecure bool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	// Digests are of the stored bytes, and a compressed response could expand
	// beyond any limit.
	t.DisableCompression = true
	t.MaxResponseHeaderBytes = maxResponseHeader
	t.MaxIdleConnsPerHost = maxInFlight
	t.DialContext = (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext
	t.TLSHandshakeTimeout = tlsTimeout
	// Pings detect a lost HTTP/2 connection.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second}
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: insecure} //nolint:gosec // what --insecure asks for
	return t
}

const maxRedirects = 10

// redirectPolicy is the CheckRedirect function of every request. Registries
// redirect blobs to storage on other hosts, which must not receive the
// Authorization header.
//
// net/http keeps it for subdomains and other ports, and copies the headers of
// the first request for every hop. Once a chain has left its origin, the header
// is therefore removed on every later hop too.
func redirectPolicy(insecure bool) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("stopped after %d redirects", maxRedirects)
		}
		// After a 301, 302 or 303, net/http continues with GET. That of an upload
		// answers with success, and nothing was uploaded.
		if last := via[len(via)-1]; req.Method != last.Method {
			return http.ErrUseLastResponse
		}
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" && !insecure {
			return fmt.Errorf("redirect from https to %s://%s: %w", req.URL.Scheme, req.URL.Host, ErrPlainHTTP)
		}
		for _, hop := range append(via[1:len(via):len(via)], req) {
			if !sameOrigin(via[0].URL, hop.URL) {
				req.Header.Del("Authorization")
				break
			}
		}
		return nil
	}
}

// sameOrigin compares scheme, host and port (RFC 6454 section 4).
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}
