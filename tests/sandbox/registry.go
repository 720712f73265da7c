package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// registryConfig is the configuration of distribution; the access log goes to
// the log file, where tests can count requests, and the fixed secret lets an
// upload go on after a restart.
const registryConfig = `version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: %q
  delete:
    enabled: true
http:
  addr: 127.0.0.1:%d
  secret: sandbox
`

// portAttempts is how often another port is tried if another process takes the
// chosen one before the registry starts.
const portAttempts = 5

func (s *Sandbox) newRegistry() *daemon {
	dir := filepath.Join(s.opts.Dir, "registry")
	config := filepath.Join(dir, "config.yml")
	return &daemon{
		name:   "the registry",
		bin:    s.bin("registry"),
		args:   []string{"serve", config},
		marker: config,
		dir:    dir,
		detach: s.detach,
		ready:  func(ctx context.Context) error { return probeRegistry(ctx, s.Registry()) },
	}
}

// ensureRegistry keeps a serving registry, or starts one on the remembered
// port. When that port has been taken by another program it moves to a new one.
func (s *Sandbox) ensureRegistry(ctx context.Context) error {
	s.registry = s.newRegistry()
	if s.state.Port == 0 {
		// The port of a running registry is unknown if the state was lost.
		if err := s.registry.stop(); err != nil {
			return err
		}
	}
	for range portAttempts {
		if s.registry.pid() == 0 {
			if err := s.choosePort(); err != nil {
				return err
			}
		}
		started, err := s.registry.ensure(ctx)
		if started && err == nil {
			s.logf("started the registry at %s", s.Registry())
		}
		if !errors.Is(err, errExited) || !strings.Contains(s.registry.logTail(), "address already in use") {
			return err
		}
	}
	return fmt.Errorf("starting the registry: %d ports were taken by other programs; try again", portAttempts)
}

// choosePort makes sure that the port is free and the configuration names it.
func (s *Sandbox) choosePort() error {
	if s.state.Port != 0 && !portFree(s.state.Port) {
		s.logf("port %d is in use by another program: moving the registry", s.state.Port)
		s.state.Port = 0
	}
	if s.state.Port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.state.Port = port
		if s.detach {
			if err := s.saveState(); err != nil {
				return err
			}
		}
	}
	dir := s.registry.dir
	config := fmt.Sprintf(registryConfig, filepath.Join(dir, "data"), s.state.Port)
	_, err := writeIfChanged(s.registry.marker, config)
	return err
}

// freePort asks the kernel for a port that is free on both loopbacks:
// localhost may be resolved to either.
func freePort() (int, error) {
	for range portAttempts {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("choosing a port for the registry: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("choosing a port for the registry: %w", err)
		}
		if portFree(port) {
			return port, nil
		}
	}
	return 0, errors.New("choosing a port for the registry: found none that is free on 127.0.0.1 and ::1")
}

func portFree(port int) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
		if err != nil {
			if host == "::1" && !isInUse(err) {
				continue // no IPv6 here
			}
			return false
		}
		_ = l.Close()
	}
	return true
}

func probeRegistry(ctx context.Context, host string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/v2/", nil)
	if err != nil {
		return err
	}
	// No proxy: one set in the environment must not see loopback traffic.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", host, resp.Status)
	}
	return nil
}

// writeIfChanged writes a configuration file and tells whether it was another.
func writeIfChanged(path, content string) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && string(old) == content {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, fmt.Errorf("writing a configuration: %w", err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		return false, fmt.Errorf("writing a configuration: %w", err)
	}
	return true, nil
}

// RegistryLog is the file that the registry writes its access log to.
func (s *Sandbox) RegistryLog() string { return s.registry.logPath() }

// KillRegistry ends the registry as a crash would.
func (s *Sandbox) KillRegistry() error { return s.registry.kill() }

// RestartRegistry brings the registry back on the same port with its content.
func (s *Sandbox) RestartRegistry(ctx context.Context) error {
	if err := s.registry.stop(); err != nil {
		return err
	}
	return s.registry.start(ctx)
}
