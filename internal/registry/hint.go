package registry

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// explain is the last step of every exported function: it makes the text of an
// error safe for a terminal and adds a hint.
func (c *Client) explain(ref Reference, err error) error {
	if err == nil {
		return nil
	}
	clean := error(&cleanError{oci.AsContent(err)})
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || diag.IsInvalid(err) {
		return clean
	}
	if hint := c.hint(ref, err); hint != "" {
		return diag.WithHint(clean, hint)
	}
	return clean
}

// hint returns the hint for err, or "".
func (c *Client) hint(ref Reference, err error) string {
	host, repo := ref.Host(), ref.RepositoryName()
	login := "docker login"
	if host != dockerHub {
		login += " " + host
	}
	var (
		moved   *MovedError
		refusal *ResponseError
		dns     *net.DNSError
		client  *clientCertificateError
		proxy   *proxyError

		noRegistry *noRegistryError
	)
	switch {
	case errors.As(err, &proxy):
		return proxy.hint(host)
	case errors.As(err, &moved):
		return "check its current content and run the command again, or use --force to replace it"
	case errors.As(err, &refusal) && refusal.hintOfPolicy() != "":
		return refusal.hintOfPolicy()
	case errors.As(err, &noRegistry):
		return fmt.Sprintf("check that %s is a registry; the login page of a network or a proxy responds like that", noRegistry.host)
	case errors.Is(err, ErrUnauthorized) && host == dockerHub && !strings.Contains(repo, "/"):
		return fmt.Sprintf("%s is an official image of Docker Hub: name your account, ACCOUNT/%[1]s, and log in: %s", repo, login)
	case errors.As(err, &refusal) && refusal.StatusCode == http.StatusForbidden && !refusal.rateLimited():
		return fmt.Sprintf("check that your account has access to %s, or log in as another: %s", repo, login)
	case errors.Is(err, ErrUnauthorized):
		return fmt.Sprintf("log in: %s; after that, check that your account has access to %s", login, repo)
	case errors.Is(err, ErrPlainHTTP), isPlainHTTPServer(err):
		return fmt.Sprintf("%s does not use HTTPS for all requests; use --insecure to allow plain HTTP", host)
	case isUntrusted(err) && !c.insecure:
		return untrustedHint(host, err)
	case errors.As(err, &client):
		return fmt.Sprintf("add the client certificate for %s and its key as /etc/docker/certs.d/%s/client.cert and client.key", client.host, client.host)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("check the spelling of %q and the network; names without a host are on Docker Hub", host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("check that the registry %s is running, and its port", host)
	case isDial(err):
		return fmt.Sprintf("check that %s can be reached from here, or set HTTPS_PROXY", host)
	case errors.As(err, &refusal):
		return refusal.hint(host, repo, login)
	}
	return ""
}

// untrustedHint returns the hint for a certificate that cannot be verified.
func untrustedHint(host string, err error) string {
	var (
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("use a host name for which the certificate of %s is valid, or use --insecure to skip the check", host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("check the clock of this machine, renew the certificate of %s, or use --insecure to skip the check", host)
	}
	return fmt.Sprintf("add the certificate authority of %s to /etc/docker/certs.d/%s/ca.crt, or use --insecure to skip the check", host, host)
}

// hint returns the hint for a response.
func (e *ResponseError) hint(host, repo, login string) string {
	writes := e.Method != http.MethodGet && e.Method != http.MethodHead
	switch {
	case e.rateLimited():
		return fmt.Sprintf("%s limits the rate of requests: wait a while, or log in for a higher limit: %s", host, login)
	case writes && e.StatusCode == http.StatusRequestEntityTooLarge:
		return fmt.Sprintf("a proxy in front of %s limits the size of requests: raise the limit there (client_max_body_size with nginx)", host)
	case writes && e.refusesIndex():
		return fmt.Sprintf("%s may not support OCI indexes: try --media-types docker", host)
	case writes && (e.StatusCode == http.StatusMethodNotAllowed || e.StatusCode == http.StatusNotImplemented):
		return fmt.Sprintf("%s is read-only, a mirror, or not a registry: publish to another registry", host)
	case writes && e.StatusCode == http.StatusNotFound && len(e.Codes) == 0:
		return fmt.Sprintf("check that %s is a registry, and that the repository %s exists there", host, repo)
	case writes && e.StatusCode == http.StatusNotFound:
		return fmt.Sprintf("create the repository %s on %s first, or check its name", repo, host)
	case e.StatusCode == http.StatusNotFound && strings.Contains(e.Path, "/manifests/"):
		return fmt.Sprintf("check the repository and the tag, or log in if it is private: %s", login)
	}
	return ""
}

// hintOfPolicy returns the hint for a write that rules of the registry refuse to
// every user. Their status and code differ: the tag is immutable with 400
// (Amazon ECR), 403, 405 (Azure) or 412 (Harbor).
func (e *ResponseError) hintOfPolicy() string {
	text := strings.ToLower(e.Message)
	switch {
	case e.Method == http.MethodGet || e.Method == http.MethodHead || e.StatusCode >= http.StatusInternalServerError:
	case strings.Contains(text, "immutable") || strings.Contains(text, "cannot be overwritten"):
		return "publish a new version, or under another tag"
	case strings.Contains(text, "quota") || strings.Contains(text, "storage resource"):
		return "delete what is not needed from the registry, or raise its quota"
	}
	return ""
}

// refusesIndex reports whether the registry does not support the kind of a
// manifest.
func (e *ResponseError) refusesIndex() bool {
	if !strings.Contains(e.Path, "/manifests/") || e.mediaType != v1.MediaTypeImageIndex {
		return false
	}
	return e.StatusCode == http.StatusUnsupportedMediaType ||
		slices.Contains(e.Codes, "MANIFEST_INVALID") || slices.Contains(e.Codes, "UNSUPPORTED") ||
		strings.Contains(strings.ToLower(e.Message), "media type")
}
