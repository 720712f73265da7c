package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/oci"
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
	backoff     *backoff
	progress    func(Event)
	insecure    bool
	concurrency int

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
	base := &guardTransport{base: newHTTPTransport(o.Insecure), insecure: o.Insecure}
	c.probe = &http.Client{
		Transport:     base,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.auth = &authClient{
		http: &http.Client{
			Transport:     &retryTransport{base: base, backoff: c.backoff},
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
	remote *remote.Repository
}

func (c *Client) repository(ctx context.Context, ref Reference) (*repository, error) {
	r := &repository{client: c, ref: ref, remote: &remote.Repository{
		Client: c.auth, Reference: ref.remote(), MaxMetadataBytes: oci.MaxManifestSize,
	}}
	plain, err := c.plainHTTP(ctx, r.remote.Reference.Host())
	if err != nil {
		return nil, err
	}
	r.remote.PlainHTTP = plain
	// Otherwise oras-go answers a registry without the referrers API by
	// writing a tag ("referrers tag schema"), long before tags may move. What
	// is published here is found through its index.
	if err := r.remote.SetReferrersCapability(true); err != nil {
		return nil, err
	}
	return r, nil
}

// plainHTTP decides how a host is reached. Only where plain HTTP is allowed at
// all is there something to find out: HTTPS is tried first there, since a
// registry on this machine or an insecure one may well have it.
func (c *Client) plainHTTP(ctx context.Context, host string) (bool, error) {
	if !c.insecure && !isLoopback(host) {
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v2/", nil)
	if err != nil {
		return false, fmt.Errorf("contacting %s: %w", host, err)
	}
	resp, err := sendWith(c.probe, c.auth.agent, req)
	if err == nil {
		drain(resp.Body)
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	// A certificate that does not verify is HTTPS too, and gets its own error.
	s.known = true
	s.plain = err != nil && (isPlainHTTPServer(err) || isDropped(err) || errors.Is(err, syscall.ECONNREFUSED))
	return s.plain, nil
}
