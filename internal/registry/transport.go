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

// interruptedError is a request that may be tried again, but not by sending
// the same bytes: its body is a stream. Whoever made the body has to begin
// anew; after is the pause the registry asked for.
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

// silentRetries is how often a request that got no answer is sent again.
const silentRetries = 1

// retryTransport sends a request again after temporary answers and lost
// connections. When the attempts are used up the last answer is passed on, so
// that the registry's own words reach the user.
//
// It retries any method: of those used here only POST is not idempotent, and
// repeating one opens an upload session that expires unused, or fetches one
// more token. Requests whose repetition depends on what happened in between,
// such as writing a tag, are sent with [withRetries] 0.
type retryTransport struct {
	base    http.RoundTripper
	backoff *backoff

	answered sync.Map // hosts that have answered: they exist, and may restart
}

func (t *retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	what := req.Method + " " + req.URL.Host + req.URL.Path
	retries, limited := req.Context().Value(triesKey{}).(int)
	if !limited {
		retries = maxRetries
	}
	silent := 0
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
		if n >= retries || silent > silentRetries {
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

// isLost reports whether a request that failed may be sent again. A host that
// has not answered yet may not exist; one that has is restarting when it
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

// isRateLimit reports a refusal that is a rate limit: some registries answer
// 403 for both. The body stays readable.
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

// guardTransport is the last gate before the network: nothing, be it a
// request, a redirect or a token server, goes over plain HTTP to another
// machine unless that was asked for.
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

// newHTTPTransport returns the transport below retries and guard.
func newHTTPTransport(insecure bool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	// Digests are of the bytes as stored, and a compressed answer could grow
	// beyond any limit set on it.
	t.DisableCompression = true
	t.MaxResponseHeaderBytes = maxResponseHeader
	t.MaxIdleConnsPerHost = 16
	t.DialContext = (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext
	t.TLSHandshakeTimeout = tlsTimeout
	// A lost HTTP/2 connection is noticed by pings that get no answer.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second}
	if insecure {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // what --insecure asks for
	}
	return t
}

const maxRedirects = 10

// redirectPolicy is the CheckRedirect of every request. Registries redirect
// blobs to storage on other hosts; the Authorization header is not for them.
//
// net/http keeps it for subdomains and other ports, and builds the headers of
// every hop from the first request, so once a chain has left its origin the
// header is taken out on every later hop too.
func redirectPolicy(insecure bool) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("stopped after %d redirects", maxRedirects)
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
