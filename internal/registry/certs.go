package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// DockerCertDirs returns the folders with docker's certificates of registries:
// for the machine, for the user (rootless docker), and in docker's
// configuration folder (Docker Desktop).
func DockerCertDirs(dockerConfig string) []string {
	var dirs []string
	if runtime.GOOS == "windows" {
		if data := os.Getenv("ProgramData"); data != "" {
			dirs = append(dirs, filepath.Join(data, "docker", "certs.d"))
		}
	} else {
		dirs = append(dirs, "/etc/docker/certs.d")
		config := os.Getenv("XDG_CONFIG_HOME")
		if home, err := os.UserHomeDir(); config == "" && err == nil {
			config = filepath.Join(home, ".config")
		}
		if config != "" {
			dirs = append(dirs, filepath.Join(config, "docker", "certs.d"))
		}
	}
	if dockerConfig != "" {
		dirs = append(dirs, filepath.Join(dockerConfig, "certs.d"))
	}
	return dirs
}

// hostTransport sends requests with the certificates that are configured for
// their host.
type hostTransport struct {
	insecure bool
	dirs     []string
	proxy    func(*http.Request) (*url.URL, error)

	mu    sync.Mutex
	hosts map[string]*hostConns
}

// hostConns are the connections to one host.
type hostConns struct {
	*http.Transport
	// asked is set when the host has requested a client certificate and none is
	// configured, answered when it has responded regardless.
	asked, answered atomic.Bool
}

func newHostTransport(insecure bool, dirs []string) *hostTransport {
	return &hostTransport{insecure: insecure, dirs: dirs, proxy: proxyFromEnvironment, hosts: map[string]*hostConns{}}
}

func (t *hostTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	conns, err := t.of(req.URL.Host)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper must, also on errors
		}
		return nil, err
	}
	resp, err := conns.RoundTrip(req)
	err = t.aboutProxy(req, err)
	switch {
	case err == nil:
		conns.answered.Store(true)
	case isProxy(err):
	case conns.asked.Load() && !conns.answered.Load() && req.Context().Err() == nil:
		// With TLS 1.3 the server decides after the handshake, and the alert that
		// says so may be lost with the connection.
		err = &clientCertificateError{host: req.URL.Host, err: err}
	}
	return resp, err
}

// clientCertificateError is a connection that ended after the server had
// requested a client certificate and got none.
type clientCertificateError struct {
	host string
	err  error
}

func (e *clientCertificateError) Error() string {
	return fmt.Sprintf("%s requires a client certificate: %v", e.host, e.err)
}

func (e *clientCertificateError) Unwrap() error { return e.err }

func (t *hostTransport) of(host string) (*hostConns, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if conns := t.hosts[host]; conns != nil {
		return conns, nil
	}
	conns := &hostConns{Transport: newHTTPTransport(t.insecure)}
	conns.Proxy, conns.OnProxyConnectResponse = t.proxy, refusedByProxy
	for _, dir := range t.dirs {
		config, err := readCerts(filepath.Join(dir, certFolder(host)), conns.TLSClientConfig)
		if err != nil {
			return nil, err
		}
		if config != nil {
			conns.TLSClientConfig = config
		}
	}
	if len(conns.TLSClientConfig.Certificates) == 0 {
		conns.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			conns.asked.Store(true)
			return &tls.Certificate{}, nil
		}
	}
	t.hosts[host] = conns
	return conns, nil
}

// certFolder returns docker's name for the folder of a host.
func certFolder(host string) string {
	switch {
	case host == "registry-1.docker.io":
		return dockerHub
	case runtime.GOOS == "windows":
		return strings.ReplaceAll(host, ":", "")
	}
	return host
}

// readCerts reads a folder as docker does: *.crt are certificate authorities,
// NAME.cert and NAME.key a client's certificate. It returns base with them
// added, or nil if there are none.
func readCerts(dir string, base *tls.Config) (*tls.Config, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil // docker ignores unreadable folders too
	}
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	config := base.Clone()
	found := false
	has := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	for _, entry := range entries {
		name := entry.Name()
		stem := strings.TrimSuffix(name, filepath.Ext(name))
		switch filepath.Ext(name) {
		case ".crt":
			if config.RootCAs == nil {
				if config.RootCAs, err = x509.SystemCertPool(); err != nil {
					config.RootCAs = x509.NewCertPool()
				}
			}
			pem, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return nil, fmt.Errorf("reading certificates: %w", err)
			}
			if !config.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s contains no certificate in PEM format", filepath.Join(dir, name))
			}
		case ".cert":
			if !has(stem + ".key") {
				return nil, fmt.Errorf("%s: the key %s is missing (certificate authorities end in .crt)", filepath.Join(dir, name), stem+".key")
			}
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name), filepath.Join(dir, stem+".key"))
			if err != nil {
				return nil, fmt.Errorf("reading certificates of %s: %w", dir, err)
			}
			config.Certificates = append(config.Certificates, pair)
		case ".key":
			if !has(stem + ".cert") {
				return nil, fmt.Errorf("%s: the certificate %s is missing", filepath.Join(dir, name), stem+".cert")
			}
			continue
		default:
			continue
		}
		found = true
	}
	if !found {
		return nil, nil
	}
	return config, nil
}
