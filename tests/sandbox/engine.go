package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// engineTools are the commands pinned in the go.mod of tests/engine/tools, a
// separate module, by the name of their binary. dockerd starts containerd, and
// that the shim.
var engineTools = map[string]string{
	"dockerd":                 "github.com/moby/moby/v2/cmd/dockerd",
	"containerd":              "github.com/containerd/containerd/v2/cmd/containerd",
	"containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
	"docker-init":             "./docker-init",
}

// An Engine is a Docker Engine with separate storage and socket, and no
// network.
type Engine struct {
	sandbox *Sandbox
	socket  string
	daemon  *daemon
}

// AddEngine starts a Docker Engine. containerdStore chooses between its image
// stores. The first on a machine takes some minutes, to be compiled.
func (s *Sandbox) AddEngine(ctx context.Context, containerdStore bool) (*Engine, error) {
	if err := s.ensureRuntime(ctx); err != nil {
		return nil, err
	}
	bin, err := s.ensureEngineBinaries(ctx)
	if err != nil {
		return nil, err
	}
	folder := fmt.Sprintf("engine-%d", len(s.engines))
	e := &Engine{sandbox: s, socket: s.socketPath(folder + ".sock")}
	dir := filepath.Join(s.opts.Dir, folder)
	config := filepath.Join(dir, "daemon.json")
	content, err := json.Marshal(map[string]any{"features": map[string]bool{
		"containerd-snapshotter": containerdStore,
		"time-namespaces":        false, // runc has them since 1.2, and Debian 12 an older one
	}})
	if err != nil {
		return nil, fmt.Errorf("writing the engine's configuration: %w", err)
	}
	if _, err := writeIfChanged(config, string(content)); err != nil {
		return nil, err
	}
	e.daemon = &daemon{
		name: "Docker Engine (" + folder + ")",
		bin:  filepath.Join(bin, "dockerd"),
		args: []string{
			"--config-file", config,
			"--data-root", filepath.Join(dir, "data"),
			"--exec-root", s.socketPath(folder + ".run"), // containerd's socket is below
			"--pidfile", filepath.Join(dir, "dockerd.pid"),
			"--host", "unix://" + e.socket,
			"--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false",
		},
		env:    []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")},
		marker: config,
		dir:    dir,
		ready:  e.ping,
	}
	s.engines = append(s.engines, e)
	if err := e.daemon.start(ctx); err != nil {
		return nil, err
	}
	s.logf("started %s at %s", e.daemon.name, e.Host())
	return e, nil
}

// Host is the engine's address as in DOCKER_HOST.
func (e *Engine) Host() string { return "unix://" + e.socket }

// Env is the sandbox's environment with this engine as docker's own, whose
// builder is then the default.
func (e *Engine) Env() []string {
	return append(e.sandbox.Env(), "DOCKER_HOST="+e.Host(), "BUILDX_BUILDER=")
}

// Stop ends the engine and what runs in it.
func (e *Engine) Stop() error { return e.daemon.stop() }

func (e *Engine) ping(ctx context.Context) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", e.socket)
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/_ping", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the engine answers %s", resp.Status)
	}
	return nil
}

// ensureEngineBinaries compiles the engine unless that was done before, and
// returns the folder of the binaries.
func (s *Sandbox) ensureEngineBinaries(ctx context.Context) (dir string, err error) {
	return s.ensureModule(ctx, "engine", "the Docker Engine", engineTools)
}
