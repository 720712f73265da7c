package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// authClient answers authentication challenges. It replaces oras-go's
// auth.Client, which refuses token servers on private addresses other than the
// registry's, and thus most self-hosted registries, such as GitLab's
// (docker/model-runner#1050).
//
// A credential is looked up for the host of the original request. It is sent to
// that host or its token server, never to the target of a redirect.
type authClient struct {
	http       *http.Client
	agent      string
	credential auth.CredentialFunc // never nil

	mu      sync.Mutex
	headers map[string]*authHeader // by host and scopes, by host for Basic
}

// authHeader is an Authorization header that worked. Its lock makes concurrent
// requests wait for one token instead of fetching several.
type authHeader struct {
	mu    sync.Mutex
	value string
	// challenge is the challenge that value answers.
	challenge challenge
	// failures counts the requests for a token that failed. failed is the error
	// of the last one, which was repeated up to retries times.
	failures atomic.Int64
	failed   error
	retries  int
}

// Do sends req, and repeats it if it can answer a challenge.
func (a *authClient) Do(orig *http.Request) (*http.Response, error) {
	ctx := orig.Context()
	req := orig.Clone(ctx)
	if req.Header.Get("Authorization") != "" {
		// oras-go copies the header to the second request of an upload after
		// checking that the host is the same.
		return a.send(req)
	}
	host := orig.URL.Host
	scopes := auth.GetAllScopesForHost(ctx, host)
	used := a.cached(host, scopes)
	if used != "" {
		req.Header.Set("Authorization", used)
	}
	resp, err := a.send(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if !sameOrigin(orig.URL, resp.Request.URL) {
		return resp, nil // the challenge of a redirect's target
	}
	again := orig.Clone(ctx)
	if orig.Body != nil && orig.Body != http.NoBody {
		if orig.GetBody == nil {
			return resp, nil
		}
		if again.Body, err = orig.GetBody(); err != nil {
			drain(resp.Body)
			return nil, fmt.Errorf("rewinding the request: %w", err)
		}
	}
	challenges := parseChallenges(resp.Header.Values("WWW-Authenticate"))
	if len(challenges) == 0 && used != "" {
		// The token expired, and there is no challenge: repeat the first one.
		challenges = a.challenged(host, scopes)
	}
	header, err := a.answer(ctx, orig.URL, challenges, scopes, used)
	if err != nil || header == "" || header == used {
		if again.Body != nil {
			_ = again.Body.Close() // in memory
		}
		if err != nil {
			drain(resp.Body)
			return nil, err
		}
		return resp, nil
	}
	drain(resp.Body)
	again.Header.Set("Authorization", header)
	return a.send(again)
}

// send sends one request, and removes the query from errors, because it may
// contain the signature of a storage URL.
func (a *authClient) send(req *http.Request) (*http.Response, error) {
	return sendWith(a.http, a.agent, req)
}

func sendWith(client *http.Client, agent string, req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", agent)
	resp, err := client.Do(req)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		what := fmt.Sprintf("%s %s%s: ", req.Method, req.URL.Host, req.URL.Path)
		if strings.HasPrefix(err.Error(), what) {
			return nil, err
		}
		return nil, fmt.Errorf("%s%w", what, err)
	}
	return resp, nil
}

func (a *authClient) entry(key string) *authHeader {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.headers[key] == nil {
		a.headers[key] = &authHeader{}
	}
	return a.headers[key]
}

func (a *authClient) cached(host string, scopes []string) string {
	for _, key := range []string{tokenKey(host, scopes), host} {
		e := a.entry(key)
		e.mu.Lock()
		value := e.value
		e.mu.Unlock()
		if value != "" {
			return value
		}
	}
	return ""
}

// challenged returns the challenge that the cached header answered.
func (a *authClient) challenged(host string, scopes []string) []challenge {
	for _, key := range []string{tokenKey(host, scopes), host} {
		e := a.entry(key)
		e.mu.Lock()
		c := e.challenge
		e.mu.Unlock()
		if c.scheme != "" {
			return []challenge{c}
		}
	}
	return nil
}

func tokenKey(host string, scopes []string) string { return host + " " + strings.Join(scopes, " ") }

// answer returns the Authorization header for a challenge, or "" if there is no
// credential or no supported scheme. used is the header that was refused.
func (a *authClient) answer(ctx context.Context, registry *url.URL, challenges []challenge, scopes []string, used string) (string, error) {
	for _, scheme := range []string{"bearer", "basic"} { // a leaked token does less harm
		for _, c := range challenges {
			if c.scheme != scheme {
				continue
			}
			key := registry.Host
			if scheme == "bearer" {
				key = tokenKey(registry.Host, scopes)
			}
			e := a.entry(key)
			failures, retries := e.failures.Load(), retriesOf(ctx)
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.value != "" && e.value != used {
				return e.value, nil // fetched by another request
			}
			if e.failures.Load() != failures && e.retries >= retries {
				return "", e.failed // while this one waited
			}
			value, err := a.header(ctx, registry, c, scopes)
			if err != nil {
				if ctx.Err() == nil {
					e.failures.Add(1)
					e.failed, e.retries = err, retries
				}
				return "", err
			}
			e.value, e.challenge = value, c
			return value, nil
		}
	}
	return "", nil
}

func (a *authClient) header(ctx context.Context, registry *url.URL, c challenge, scopes []string) (string, error) {
	cred, err := a.credential(ctx, registry.Host)
	if err != nil {
		return "", fmt.Errorf("reading the credentials for %s: %w", registry.Host, err)
	}
	if c.scheme == "bearer" {
		token := cred.AccessToken
		if token == "" {
			if token, err = a.fetchToken(ctx, registry, c, scopes, cred); err != nil {
				return "", fmt.Errorf("getting a token for %s: %w", registry.Host, err)
			}
		}
		return "Bearer " + token, nil
	}
	if cred.Username == "" && cred.Password == "" {
		return "", nil
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(cred.Username+":"+cred.Password)), nil
}
