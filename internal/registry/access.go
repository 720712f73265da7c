package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/loopback"
	"github.com/extpack/extpack/internal/oci"
)

// Access describes how a registry was reached.
type Access struct {
	// PlainHTTP is set for a registry without HTTPS, and Untrusted for one
	// whose certificate cannot be verified.
	PlainHTTP, Untrusted bool
	// Date is the time of the registry's clock, or zero if unknown. Local is
	// the time of this machine when the response arrived, and Took the duration
	// of the request.
	Date, Local time.Time
	Took        time.Duration
	// speaksTLS is set once a TLS handshake has succeeded, even if the request
	// then failed. Such a server responds to plain HTTP with an error, which is
	// no sign that it supports plain HTTP.
	speaksTLS bool
}

func (a *Access) read(resp *http.Response, start time.Time) {
	a.Local, a.Took = time.Now(), time.Since(start)
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.Date = date
	}
}

func (a *Access) classify(err error) {
	a.Untrusted = a.Untrusted || isUntrusted(err)
	a.PlainHTTP = a.PlainHTTP || isPlainHTTPServer(err)
}

// CheckPush returns an error if a reference cannot be published to. It writes
// nothing: it begins an upload and cancels it. Access is valid even if there is
// an error.
func (c *Client) CheckPush(ctx context.Context, ref Reference) (Access, error) {
	var access Access
	err := c.checkPush(ctx, ref, &access)
	access.classify(err)
	if err != nil {
		return access, c.explain(ref, fmt.Errorf("checking push access to %s: %w", ref.RepositoryName(), err))
	}
	return access, nil
}

func (c *Client) checkPush(ctx context.Context, ref Reference, access *Access) error {
	r, err := c.repository(ctx, ref, auth.ActionPull, auth.ActionPush)
	if err != nil {
		return err
	}
	access.PlainHTTP = r.plain
	ctx = r.scoped(ctx)
	start := time.Now()
	resp, err := r.post(ctx, nil)
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	access.read(resp, start)
	if !isSuccess(resp) {
		return newResponseError(resp)
	}
	u := &upload{repo: r}
	if err := u.follow(resp); err == nil && sameOrigin(u.location, r.url("")) {
		u.cancel(ctx)
	}
	return nil
}

// Preflight returns an error if a publish is certain to fail: the registry
// cannot be reached or trusted, denies access, or has no such repository. With
// any other response, a publish may still succeed.
func (c *Client) Preflight(ctx context.Context, ref Reference) error {
	_, err := c.CheckPush(ctx, ref)
	switch {
	case errors.Is(err, ErrUnauthorized), errors.Is(err, oci.ErrNotFound), errors.Is(err, ErrPlainHTTP),
		isPlainHTTPServer(err), isUntrusted(err), isDial(err), isSilent(err), isProxy(err):
		return err
	}
	return context.Cause(ctx)
}

// Probe detects the protocol of a registry host, without credentials. It
// returns an error if there is no response. A response over plain HTTP, or with
// an untrusted certificate, is not an error.
func (c *Client) Probe(ctx context.Context, host string) (Access, error) {
	var access Access
	if host == dockerHub {
		host = "registry-1.docker.io"
	}
	var refused error
	for _, scheme := range []string{"https", "http"} {
		err := c.probeWith(ctx, c.probe, scheme, host, &access)
		if err == nil {
			access.PlainHTTP = scheme == "http"
			return access, nil
		}
		access.classify(err)
		if access.Untrusted || access.PlainHTTP || ctx.Err() != nil {
			break
		}
		refused = err
		if access.speaksTLS || !loopback.Is(host) && !c.insecure {
			break // plain HTTP is not supported, or not allowed
		}
	}
	if access.Untrusted || access.PlainHTTP {
		return access, nil
	}
	if err := context.Cause(ctx); err != nil {
		return access, fmt.Errorf("contacting %s: %w", host, err)
	}
	return access, &cleanError{fmt.Errorf("contacting %s: %w", host, refused)}
}

// probeWith sends a request to the base endpoint of a host and writes to access
// what the response, or the connection, says about the host.
func (c *Client) probeWith(ctx context.Context, client *http.Client, scheme, host string, access *Access) error {
	var speaksTLS atomic.Bool // a connection may outlive the request
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				speaksTLS.Store(true)
			}
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+host+"/v2/", nil)
	if err != nil {
		return fmt.Errorf("contacting %s: %w", host, err)
	}
	start := time.Now()
	resp, err := sendWith(client, c.auth.agent, req)
	access.speaksTLS = access.speaksTLS || speaksTLS.Load()
	if err != nil {
		return err
	}
	access.read(resp, start)
	drain(resp.Body)
	return nil
}
