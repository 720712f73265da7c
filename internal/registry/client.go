package registry

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/loopback"
)

const (
	defaultConcurrency = 4
	// smallConcurrency is the number of concurrent requests that move little
	// data. Their time is that of the round trip.
	smallConcurrency = 16
	// maxInFlight is the number of concurrent requests of a client, which may
	// publish several packages.
	maxInFlight      = 64
	defaultUserAgent = "extpack"
)

// Options configure a [Client]. The zero value is an anonymous client.
type Options struct {
	// Credentials returns the credential for a registry host. nil, or an empty
	// credential, means anonymous access. See [DockerCredentials].
	Credentials auth.CredentialFunc
	// Insecure permits certificates that cannot be verified, and plain HTTP,
	// for hosts other than this machine.
	Insecure bool
	// CertDirs are folders with a subfolder per registry host for its
	// certificate authorities and client certificates; see [DockerCertDirs].
	CertDirs []string
	// UserAgent is sent with every request.
	UserAgent string
	// Log is called with messages about retries, without a newline. It is
	// called from several goroutines.
	Log func(format string, args ...any)
	// Progress is called with the state of each blob and manifest; see [Event].
	// It is called from several goroutines and must not block.
	Progress func(Event)
	// Concurrency is the number of concurrent uploads; the default is 4 for
	// large blobs, and 16 for requests whose time is that of the round trip.
	Concurrency int
}

// Client is a client of registries. It is safe for concurrent use.
type Client struct {
	auth      *authClient
	probe     *http.Client
	stalls    *stallTransport
	retries   *retryTransport
	backoff   *backoff
	progress  func(Event)
	insecure  bool
	chunkSize int64
	// large limits the concurrent uploads of large blobs, small is the number of
	// other concurrent requests for one package.
	large chan struct{}
	small int

	known known

	mu      sync.Mutex
	schemes map[string]*scheme
}

// scheme caches whether a host is reached over plain HTTP.
type scheme struct {
	mu           sync.Mutex
	known, plain bool
}

// New returns a client. It does not use the network.
func New(o Options) *Client {
	c := &Client{
		backoff:   newBackoff(o.Log),
		progress:  o.Progress,
		insecure:  o.Insecure,
		chunkSize: chunkSize,
		schemes:   map[string]*scheme{},
	}
	if c.progress == nil {
		c.progress = func(Event) {}
	}
	c.small = o.Concurrency
	if o.Concurrency <= 0 {
		o.Concurrency, c.small = defaultConcurrency, smallConcurrency
	}
	c.large = make(chan struct{}, o.Concurrency)
	if o.Credentials == nil {
		o.Credentials = func(context.Context, string) (auth.Credential, error) { return auth.EmptyCredential, nil }
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	c.stalls = newStallTransport(newHostTransport(o.Insecure, o.CertDirs), c.backoff.logf)
	base := &guardTransport{base: &boundTransport{base: c.stalls, slots: make(chan struct{}, maxInFlight)}, insecure: o.Insecure}
	c.probe = &http.Client{
		Transport:     base,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.retries = &retryTransport{base: base, backoff: c.backoff}
	c.auth = &authClient{
		http: &http.Client{
			Transport:     c.retries,
			CheckRedirect: redirectPolicy(o.Insecure),
		},
		agent:      o.UserAgent,
		credential: o.Credentials,
		headers:    map[string]*authHeader{},
	}
	return c
}

// repository is one repository of a registry.
type repository struct {
	client *Client
	ref    Reference
	remote registry.Reference
	plain  bool // HTTP
	// actions are the actions that tokens are requested for.
	actions []string
	chunks  chunking
	// noMounts is set if the registry did not mount a blob of the repository
	// itself, but answered with an error.
	noMounts atomic.Bool
	ahead    *mountsAhead
}

// repository opens a repository for actions such as [auth.ActionPull].
func (c *Client) repository(ctx context.Context, ref Reference, actions ...string) (*repository, error) {
	r := &repository{client: c, ref: ref, remote: ref.remote(), actions: actions, ahead: &mountsAhead{}}
	r.chunks.size = c.chunkSize
	var err error
	r.plain, err = c.plainHTTP(ctx, r.host())
	return r, err
}

// host returns the host of the registry, which differs from its name for Docker
// Hub.
func (r *repository) host() string { return r.remote.Host() }

// url returns a URL in the repository.
func (r *repository) url(path string) *url.URL {
	u := &url.URL{Scheme: "https", Host: r.host(), Path: "/v2/" + r.remote.Repository + "/" + path}
	if r.plain {
		u.Scheme = "http"
	}
	return u
}

// scoped returns a context in which tokens are for this repository only: the
// token server may not grant access to it together with another one that is
// read concurrently.
func (r *repository) scoped(ctx context.Context) context.Context {
	return auth.WithScopesForHost(ctx, r.host(), auth.ScopeRepository(r.remote.Repository, r.actions...))
}

// alsoReading is like scoped, with access to read another repository.
func (r *repository) alsoReading(ctx context.Context, from string) context.Context {
	return auth.WithScopesForHost(ctx, r.host(),
		auth.ScopeRepository(r.remote.Repository, r.actions...), auth.ScopeRepository(from, auth.ActionPull))
}

// mayRetry reports whether a retry may succeed, and returns the pause that the
// registry requested.
func (c *Client) mayRetry(host string, err error) (time.Duration, bool) {
	var (
		cut     *interruptedError
		refusal *ResponseError
	)
	switch {
	case errors.Is(err, ErrRetryLater):
		return 0, false
	case errors.As(err, &cut):
		return cut.after, true
	case errors.As(err, &refusal):
		return refusal.after, isTemporary(refusal.StatusCode) || refusal.rateLimited()
	}
	return 0, c.retries.isLost(host, err)
}

// plainHTTP reports whether a host is reached over plain HTTP. If plain HTTP is
// permitted, HTTPS is tried first, because a registry on this machine or an
// insecure one may support it.
func (c *Client) plainHTTP(ctx context.Context, host string) (bool, error) {
	if !c.insecure && !loopback.Is(host) {
		return false, nil
	}
	c.mu.Lock()
	s := c.schemes[host]
	if s == nil {
		s = &scheme{}
		c.schemes[host] = s
	}
	c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known {
		return s.plain, nil
	}
	plain, err := c.probeScheme(ctx, host)
	if err != nil {
		return false, err
	}
	s.known, s.plain = true, plain
	return s.plain, nil
}

// probeScheme reports whether a host speaks plain HTTP. Only an HTTP response
// counts: an attacker who can cut connections must not be able to downgrade a
// run, and its credentials, to plain HTTP. On this machine, where that is not
// possible, a server that drops the TLS handshake may still support plain HTTP.
func (c *Client) probeScheme(ctx context.Context, host string) (bool, error) {
	client := *c.probe
	client.Transport = &retryTransport{base: c.probe.Transport, backoff: c.backoff}
	if loopback.Is(host) {
		ctx = withRetries(ctx, 1)
	}
	var access Access
	err := c.probeWith(ctx, &client, "https", host, &access)
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case err == nil:
		return false, nil
	case errors.Is(err, http.ErrSchemeMismatch):
		return true, nil
	case loopback.Is(host) && !access.speaksTLS && (isDropped(err) || isDial(err) || isPlainHTTPServer(err)):
		return true, c.probeWith(ctx, &client, "http", host, &access)
	case isUntrusted(err):
		return false, nil // assume HTTPS; the request will return the error
	}
	return false, err
}
