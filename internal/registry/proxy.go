package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// proxyError is a request that a proxy did not forward. net/http reports the
// status of the proxy only as text, and the failure to reach it like that of
// the registry.
type proxyError struct {
	proxy, host string // with ports
	named       bool   // the URL of the proxy has a user
	status      int    // of the response to CONNECT, 0 if the proxy cannot be reached
	err         error
}

func (e *proxyError) Error() string {
	if e.status == 0 {
		return fmt.Sprintf("the proxy %s cannot be reached: %v", e.proxy, e.err)
	}
	return fmt.Sprintf("the proxy %s does not connect to %s: %d %s", e.proxy, e.host, e.status, http.StatusText(e.status))
}

func (e *proxyError) Unwrap() error { return e.err }

func (e *proxyError) hint(host string) string {
	switch {
	case e.status == http.StatusProxyAuthRequired && e.named:
		return "check the user and the password in HTTPS_PROXY; special characters must be percent-encoded"
	case e.status == http.StatusProxyAuthRequired:
		return fmt.Sprintf("set HTTPS_PROXY to http://USER:PASSWORD@%s", e.proxy)
	case e.status == 0:
		return fmt.Sprintf("check HTTPS_PROXY, or add %s to NO_PROXY if it can be reached without a proxy", host)
	}
	return fmt.Sprintf("check the name %s and the rules of the proxy, or add it to NO_PROXY if it can be reached without a proxy", host)
}

// isProxy reports whether err is a failure of a proxy, and not of the registry.
func isProxy(err error) bool {
	var proxy *proxyError
	return errors.As(err, &proxy)
}

// refusedByProxy is the OnProxyConnectResponse function of transports.
func refusedByProxy(_ context.Context, proxy *url.URL, connect *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy: proxy.Host, host: connect.URL.Opaque, named: proxy.User != nil, status: resp.StatusCode}
}

// aboutProxy returns err as a [*proxyError] if the proxy of a request could not
// be reached.
func (t *hostTransport) aboutProxy(req *http.Request, err error) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "proxyconnect" {
		return err
	}
	proxy, proxyErr := t.proxy(req)
	if proxyErr != nil || proxy == nil {
		return err
	}
	return &proxyError{proxy: proxy.Host, host: req.URL.Host, named: proxy.User != nil, err: op.Err}
}

// proxyFromEnvironment is like [http.ProxyFromEnvironment], which ignores a
// variable that is not a URL and connects directly.
func proxyFromEnvironment(req *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(req)
	if proxy == nil && err == nil {
		return nil, checkProxy(httpproxy.FromEnvironment(), req.URL)
	}
	return proxy, err
}

// checkProxy returns an error if a request needs a proxy whose variable is
// invalid. It does not repeat the variable, which may contain a password.
func checkProxy(vars *httpproxy.Config, target *url.URL) error {
	name, value := "HTTPS_PROXY", &vars.HTTPSProxy
	if target.Scheme == "http" {
		name, value = "HTTP_PROXY", &vars.HTTPProxy
	}
	if *value == "" {
		return nil
	}
	*value = "http://proxy.example" // to apply NO_PROXY
	if proxy, err := vars.ProxyFunc()(target); proxy == nil || err != nil {
		return nil
	}
	return fmt.Errorf("%s is not the URL of a proxy, such as http://proxy.example:3128", name)
}
