package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/loopback"
)

const (
	defaultConcurrency = 4
	defaultUserAgent   = "extpack"
)

// Options configure a [Client]. The zero value is an anonymous client.
type Options struct {
	// Credentials gives the credential for a registry host; nil, or an empty
	// credential, means anonymous. [DockerCredentials] makes one.
	Credentials auth.CredentialFunc
	// Insecure allows certificates that do not verify, and plain HTTP, for
	// hosts other than this machine.
	Insecure bool
	// CertDirs are folders that hold a folder per registry host with its
	// certificate authorities and client certificates; see [DockerCertDirs].
	CertDirs []string
	// UserAgent is sent with every request.
	UserAgent string
	// Log is told of retries, without a line end. It is called from several
	// goroutines.
	Log func(format string, args ...any)
	// Progress is told how each piece of content fares; see [Event]. It is
	// called from several goroutines and must not block.
	Progress func(Event)
	// Concurrency is how many uploads run at once; 4 when not positive.
	Concurrency int
}

// Client talks to registries. It may be used by several goroutines.
type Client struct {
	auth        *authClient
	probe       *http.Client
	stalls      *stallTransport
	retries     *retryTransport
	backoff     *backoff
	progress    func(Event)
	insecure    bool
	concurrency int
	chunkSize   int64

	mu      sync.Mutex
	schemes map[string]*scheme
}

// scheme is whether a host is reached over plain HTTP, once that is known.
type scheme struct {
	mu           sync.Mutex
	known, plain bool
}

// New makes a client. It does not use the network.
func New(o Options) *Client {
	c := &Client{
		backoff:     newBackoff(o.Log),
		progress:    o.Progress,
		insecure:    o.Insecure,
		concurrency: o.Concurrency,
		chunkSize:   chunkSize,
		schemes:     map[string]*scheme{},
	}
	if c.progress == nil {
		c.progress = func(Event) {}
	}
	if c.concurrency <= 0 {
		c.concurrency = defaultConcurrency
	}
	if o.Credentials == nil {
		o.Credentials = func(context.Context, string) (auth.Credential, error) { return auth.EmptyCredential, nil }
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	c.stalls = newStallTransport(newHostTransport(o.Insecure, o.CertDirs), c.backoff.logf)
	base := &guardTransport{base: c.stalls, insecure: o.Insecure}
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
	// actions are what tokens are asked for.
	actions []string
	chunks  chunking
}

// repository opens a repository for actions such as [auth.ActionPull].
func (c *Client) repository(ctx context.Context, ref Reference, actions ...string) (*repository, error) {
	r := &repository{client: c, ref: ref, remote: ref.remote(), actions: actions}
	r.chunks.size = c.chunkSize
	var err error
	r.plain, err = c.plainHTTP(ctx, r.host())
	return r, err
}

// host returns where the registry is, which for Docker Hub is not what it is
// called.
func (r *repository) host() string { return r.remote.Host() }

// url returns the address of something in the repository.
func (r *repository) url(path string) *url.URL {
	u := &url.URL{Scheme: "https", Host: r.host(), Path: "/v2/" + r.remote.Repository + "/" + path}
	if r.plain {
		u.Scheme = "http"
	}
	return u
}

// scoped returns a context in which tokens are for this repository alone: what
// is read at the same time may be one that the token server does not grant
// together with it.
func (r *repository) scoped(ctx context.Context) context.Context {
	return auth.WithScopesForHost(ctx, r.host(), auth.ScopeRepository(r.remote.Repository, r.actions...))
}

// alsoReading is scoped with the right to read another repository.
func (r *repository) alsoReading(ctx context.Context, from string) context.Context {
	return auth.WithScopesForHost(ctx, r.host(),
		auth.ScopeRepository(r.remote.Repository, r.actions...), auth.ScopeRepository(from, auth.ActionPull))
}

// mayRetry reports whether what failed may succeed later, and the pause that
// the registry asked for.
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

// plainHTTP decides how a host is reached. Only where plain HTTP is allowed at
// all is there something to find out: HTTPS is tried first there, since a
// registry on this machine or an insecure one may well have it.
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

// probeScheme reports whether a host speaks plain HTTP. Only an answer that is
// HTTP counts: whoever can cut a connection must not turn a run, and the
// credentials it sends, to plain HTTP. On this machine, where nobody can, a
// server that drops the TLS handshake may still answer plain HTTP.
func (c *Client) probeScheme(ctx context.Context, host string) (bool, error) {
	client := *c.probe
	client.Transport = &retryTransport{base: c.probe.Transport, backoff: c.backoff}
	if loopback.Is(host) {
		ctx = withRetries(ctx, 1)
	}
	err := c.probeWith(ctx, &client, "https", host)
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case err == nil:
		return false, nil
	case errors.Is(err, http.ErrSchemeMismatch):
		return true, nil
	case loopback.Is(host) && (isDropped(err) || isDial(err) || isPlainHTTPServer(err)):
		return true, c.probeWith(ctx, &client, "http", host)
	case isUntrusted(err):
		return false, nil // HTTPS too, and the request gets the error
	}
	return false, err
}

func (c *Client) probeWith(ctx context.Context, client *http.Client, scheme, host string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+host+"/v2/", nil)
	if err != nil {
		return fmt.Errorf("contacting %s: %w", host, err)
	}
	resp, err := sendWith(client, c.auth.agent, req)
	if err != nil {
		return err
	}
	drain(resp.Body)
	return nil
}
