package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/loopback"
)

// fetchToken requests a token from the token server of a challenge, with the
// credential if there is one: an identity token by POST, name and password by
// GET (distribution.github.io/distribution/spec/auth/token and …/oauth).
func (a *authClient) fetchToken(ctx context.Context, registry *url.URL, c challenge, scopes []string, cred auth.Credential) (string, error) {
	realm, err := parseRealm(ctx, c.params["realm"], registry)
	if err != nil {
		return "", err
	}
	if scope := c.params["scope"]; scope != "" {
		scopes = auth.CleanScopes(append(scopes[:len(scopes):len(scopes)], strings.Fields(scope)...))
	}
	req, err := a.tokenRequest(ctx, realm, c.params["service"], scopes, cred)
	if err != nil {
		return "", err
	}
	// Do not follow redirects: the credential, in the body of a POST, would be
	// sent to an unknown host.
	client := *a.http
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if !sameOrigin(via[0].URL, req.URL) {
			return fmt.Errorf("the token server redirects to %s, which is not followed", req.URL.Host)
		}
		return a.http.CheckRedirect(req, via)
	}
	resp, err := sendWith(&client, a.agent, req)
	if err != nil {
		return "", err
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return "", newResponseError(resp)
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	body, err := readLimited(resp.Body, maxTokenBody)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil {
		return "", aboutPage(resp, fmt.Errorf("reading the response of %s: %w", realm.Host, err))
	}
	token := answer.Token
	if token == "" {
		token = answer.AccessToken
	}
	if token == "" {
		return "", fmt.Errorf("%s responded without a token", realm.Host)
	}
	return token, nil
}

func (a *authClient) tokenRequest(ctx context.Context, realm *url.URL, service string, scopes []string, cred auth.Credential) (*http.Request, error) {
	if cred.RefreshToken != "" {
		client, _, _ := strings.Cut(a.agent, "/")
		form := url.Values{
			"grant_type":    {"refresh_token"},
			"refresh_token": {cred.RefreshToken},
			"service":       {service},
			"client_id":     {client},
		}
		if len(scopes) > 0 {
			form.Set("scope", strings.Join(scopes, " "))
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, realm.String(), strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req, nil
	}
	query := realm.Query()
	if service != "" {
		query.Set("service", service)
	}
	for _, scope := range scopes {
		query.Add("scope", scope)
	}
	target := *realm
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	if cred.Username != "" || cred.Password != "" {
		req.SetBasicAuth(cred.Username, cred.Password)
	}
	return req, nil
}

// parseRealm returns the URL of a token server, or an error if it must not
// receive the credential. The server may be on any host, as Docker Hub's is,
// and on a private network. It must not use plain HTTP if the registry uses
// HTTPS. It must not be on an address of this machine or of a cloud metadata
// service, whose response would be sent to the registry as a token.
func parseRealm(ctx context.Context, realm string, registry *url.URL) (*url.URL, error) {
	u, err := url.Parse(realm)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("refusing to request a token from %q: it is not a valid http or https URL", cleanText(realm))
	}
	if u.Scheme == "http" && registry.Scheme == "https" {
		return nil, fmt.Errorf("refusing to request a token from %s: it does not use TLS, but the registry %s does", u.Host, registry.Host)
	}
	if strings.EqualFold(u.Hostname(), registry.Hostname()) {
		return u, nil
	}
	for _, addr := range addresses(ctx, u.Hostname()) {
		if addr.IsLinkLocalUnicast() || addr.IsUnspecified() || (addr.IsLoopback() && !loopback.Is(registry.Host)) {
			return nil, fmt.Errorf("refusing to request a token from %s: its address %s is not allowed for a token server", u.Host, addr)
		}
	}
	return u, nil
}

// addresses returns none for a name that cannot be resolved, because a proxy
// may resolve it.
func addresses(ctx context.Context, host string) []netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs
}
