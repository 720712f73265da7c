package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
)

// buildkitdConfig limits the cache to more than concurrent tests use, needs no
// CNI plugins, and speaks plain HTTP to our registry only.
const buildkitdConfig = `[worker.oci]
  networkMode = "host"
  gc = true
  maxUsedSpace = "10GB"

[registry.%q]
  http = true

[registry.%q]
  http = true
`

// A builder is a BuildKit daemon and the buildx builder that points to it.
type builder struct {
	name   string
	node   string // its name, in a builder of several
	addr   string
	config string
	daemon *daemon
}

// newBuilder describes the builder called name whose files are in the folder
// and whose socket is called like the folder. It says that it builds for
// platforms in addition to those of the machine.
func (s *Sandbox) newBuilder(name, folder string, platforms ...string) *builder {
	dir := filepath.Join(s.opts.Dir, folder)
	socket := s.socketPath(folder + ".sock")
	b := &builder{name: name, addr: "unix://" + socket, config: filepath.Join(dir, "buildkitd.toml")}
	args := []string{
		"--config", b.config,
		"--root", filepath.Join(dir, "root"),
		"--addr", b.addr,
		"--oci-worker=true", "--containerd-worker=false",
		// Both defaults are paths that every daemon of the machine shares.
		"--otel-socket-path", s.socketPath(folder + ".otel.sock"),
		"--cdi-disabled",
	}
	for _, p := range platforms {
		args = append(args, "--oci-worker-platform", p)
	}
	b.daemon = &daemon{
		name:   "BuildKit (" + name + ")",
		bin:    s.bin("buildkitd"),
		args:   args,
		marker: b.config,
		dir:    dir,
		detach: s.detach,
		ready: func(ctx context.Context) error {
			conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	}
	return b
}

// ensureBuilder keeps a daemon that runs with the right configuration, else
// starts one, and registers it with buildx.
func (s *Sandbox) ensureBuilder(ctx context.Context, b *builder) error {
	port := s.state.Port
	config := fmt.Sprintf(buildkitdConfig, fmt.Sprintf("localhost:%d", port), fmt.Sprintf("127.0.0.1:%d", port))
	changed, err := writeIfChanged(b.config, config)
	if err != nil {
		return err
	}
	if changed {
		if err := b.daemon.stop(); err != nil {
			return err
		}
	}
	started, err := b.daemon.ensure(ctx)
	if err != nil {
		return err
	}
	if started {
		s.logf("started %s at %s", b.daemon.name, b.addr)
	}
	if b.node != "" {
		return s.registerNode(ctx, b)
	}
	return s.register(ctx, b)
}

// registerNode joins the daemon to the builder of its name, which is made for
// the first.
func (s *Sandbox) registerNode(ctx context.Context, b *builder) error {
	args := []string{"create", "--name", b.name, "--node", b.node, "--driver", "remote", b.addr}
	if _, err := s.runBuildx(ctx, "inspect", b.name); err == nil {
		args = append(args, "--append")
	}
	if _, err := s.runBuildx(ctx, args...); err != nil {
		return fmt.Errorf("joining a node to the buildx builder: %w", err)
	}
	return s.checkBuilder(ctx, b.name)
}

// register creates the buildx builder unless it is there and points to the
// daemon. It never makes it the current one.
func (s *Sandbox) register(ctx context.Context, b *builder) error {
	out, err := s.runBuildx(ctx, "inspect", b.name)
	if err == nil && strings.Contains(out, b.addr) {
		return s.checkBuilder(ctx, b.name)
	}
	if err == nil {
		s.logf("replacing the builder %s, which pointed elsewhere", b.name)
		if _, err := s.runBuildx(ctx, "rm", b.name); err != nil {
			return fmt.Errorf("replacing the buildx builder: %w", err)
		}
	}
	if _, err := s.runBuildx(ctx, "create", "--name", b.name, "--driver", "remote", b.addr); err != nil {
		return fmt.Errorf("creating the buildx builder: %w", err)
	}
	s.logf("created the buildx builder %s", b.name)
	return s.checkBuilder(ctx, b.name)
}

// checkBuilder asks buildx for the builder and waits until it answers; without
// --bootstrap inspect succeeds for a dead one too.
func (s *Sandbox) checkBuilder(ctx context.Context, name string) error {
	out, err := s.runBuildx(ctx, "inspect", "--bootstrap", name)
	if err != nil {
		return fmt.Errorf("waiting for the builder: %w", err)
	}
	if !strings.Contains(out, "running") {
		return fmt.Errorf("waiting for the builder %s: buildx reports no running node:\n%s", name, out)
	}
	return nil
}

// useBuilder takes the builder named by EXTPACK_BUILDER instead of our own.
func (s *Sandbox) useBuilder(ctx context.Context) error {
	s.state.Builder, s.state.External = s.opts.Builder, true
	if err := s.checkBuilder(ctx, s.opts.Builder); err != nil {
		return fmt.Errorf("using the builder named by EXTPACK_BUILDER: %w", err)
	}
	s.logf("using the existing builder %s", s.opts.Builder)
	return nil
}

// AddBuilder starts another BuildKit daemon, with an empty cache, and registers
// it under name.
func (s *Sandbox) AddBuilder(ctx context.Context, name string) error {
	if _, err := s.findBuilder(name); err == nil {
		return fmt.Errorf("adding the builder %s: there is one already", name)
	}
	if s.state.External {
		if err := s.ensureRuntime(ctx); err != nil {
			return err
		}
	}
	return s.ensureBuilder(ctx, s.addBuilder(name))
}

// addBuilder describes one more builder, in a folder of its number.
func (s *Sandbox) addBuilder(name string, platforms ...string) *builder {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.newBuilder(name, fmt.Sprintf("buildkitd-%d", len(s.builders)), platforms...)
	s.builders = append(s.builders, b)
	return b
}

// AddNodes starts a BuildKit daemon for each platform, which says that it
// builds for that and what the machine runs, and registers them as the nodes of
// one builder: NAME-0, NAME-1 and so on.
func (s *Sandbox) AddNodes(ctx context.Context, name string, platforms ...string) error {
	for i, platform := range platforms {
		b := s.addBuilder(name, platform)
		b.node = fmt.Sprintf("%s-%d", name, i)
		if err := s.ensureBuilder(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// Prune empties the build cache of the named builder.
func (s *Sandbox) Prune(ctx context.Context, name string) error {
	if _, err := s.runBuildx(ctx, "--builder", name, "prune", "--all", "--force"); err != nil {
		return fmt.Errorf("pruning the builder %s: %w", name, err)
	}
	return nil
}

// KillBuilder ends the daemon of the named builder as a crash would; buildx
// keeps the builder.
func (s *Sandbox) KillBuilder(name string) error {
	b, err := s.findBuilder(name)
	if err != nil {
		return err
	}
	return b.daemon.kill()
}

// RestartBuilder brings the daemon of the named builder back, with its cache.
func (s *Sandbox) RestartBuilder(ctx context.Context, name string) error {
	b, err := s.findBuilder(name)
	if err != nil {
		return err
	}
	return errors.Join(b.daemon.stop(), s.ensureBuilder(ctx, b))
}

// Socket returns the socket of a builder's daemon.
func (s *Sandbox) Socket(name string) (string, error) {
	b, err := s.findBuilder(name)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(b.addr, "unix://"), nil
}

func (s *Sandbox) findBuilder(name string) (*builder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.builders {
		if b.name == name {
			return b, nil
		}
	}
	return nil, fmt.Errorf("finding the builder %s: the sandbox started none of this name", name)
}
