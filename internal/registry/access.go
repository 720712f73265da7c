package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/loopback"
	"github.com/extpack/extpack/internal/oci"
)

// Access is how a registry was reached.
type Access struct {
	// PlainHTTP is one that does not speak HTTPS, and Untrusted one whose
	// certificate does not verify.
	PlainHTTP, Untrusted bool
	// Date is the time by the registry's clock, zero when it does not say, and
	// Local the time by ours when the answer came; Took is how long that took.
	Date, Local time.Time
	Took        time.Duration
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

// CheckPush finds out whether a reference could be published to, and writes
// nothing: it begins an upload and cancels it. What is known of the registry
// is given with an error too.
func (c *Client) CheckPush(ctx context.Context, ref Reference) (Access, error) {
	var access Access
	err := c.checkPush(ctx, ref, &access)
	access.classify(err)
	if err != nil {
		return access, c.explain(ref, fmt.Errorf("asking to push to %s: %w", ref.RepositoryName(), err))
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

// Preflight returns what is certain to fail a publish: a registry that cannot be
// reached or trusted, a refusal, or a repository that does not exist. A registry
// that answers anything else may still accept a publish.
func (c *Client) Preflight(ctx context.Context, ref Reference) error {
	_, err := c.CheckPush(ctx, ref)
	switch {
	case errors.Is(err, ErrUnauthorized), errors.Is(err, oci.ErrNotFound), errors.Is(err, ErrPlainHTTP),
		isPlainHTTPServer(err), isUntrusted(err), isDial(err), isSilent(err):
		return err
	}
	return context.Cause(ctx)
}

// Probe finds out how a registry host speaks, without credentials. The error
// says why there is no answer; one from a registry with an untrusted
// certificate or plain HTTP is an answer.
func (c *Client) Probe(ctx context.Context, host string) (Access, error) {
	var access Access
	if host == dockerHub {
		host = "registry-1.docker.io"
	}
	var refused error
	for _, scheme := range []string{"https", "http"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+host+"/v2/", nil)
		if err != nil {
			return access, fmt.Errorf("contacting %s: %w", host, err)
		}
		start := time.Now()
		resp, err := sendWith(c.probe, c.auth.agent, req)
		if err == nil {
			access.read(resp, start)
			access.PlainHTTP = scheme == "http"
			drain(resp.Body)
			return access, nil
		}
		access.classify(err)
		if access.Untrusted || access.PlainHTTP || ctx.Err() != nil {
			break
		}
		refused = err
		if !loopback.Is(host) && !c.insecure {
			break // plain HTTP is not allowed
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
