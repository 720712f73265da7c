// Package sandbox starts and stops what the end-to-end tests and `make demo`
// build and publish with: a BuildKit daemon used through a buildx builder of
// the remote driver, and an OCI registry, both on loopback and both compiled
// from the tools pinned in go.mod, so that no Docker engine is needed.
//
// [Start] makes a fresh sandbox for a test, isolated from the user's docker
// configuration; its daemons die with the test process. [Up] and [Down] keep
// one sandbox per state directory for people: its daemons outlive the command,
// and every call repairs what an earlier one left half done.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Options tells where a sandbox lives. The zero value is right for tests.
type Options struct {
	// Dir is the state directory. Start makes a temporary one, removed by
	// Stop, when it is empty; Up and Down take DefaultDir then.
	Dir string
	// BinDir keeps the compiled daemons and buildx, shared by all sandboxes
	// that name the same one. Empty means the folder bin of DefaultDir.
	BinDir string
	// DockerConfig is the docker configuration directory that the builder is
	// registered in. Empty means one inside Dir for Start, the user's for Up.
	DockerConfig string
	// Builder names an existing buildx builder to use instead of starting a
	// BuildKit daemon.
	Builder string
	// Quick compiles missing tools in half the time, without inlining and the
	// drivers of buildx for Kubernetes and Docker's cloud. Up uses such tools,
	// Start compiles them again.
	Quick bool
	// Log receives one line per step; nil discards them.
	Log io.Writer
}

// A Sandbox is a running registry and at least one buildx builder.
type Sandbox struct {
	opts     Options
	state    state
	detach   bool // the daemons outlive this process
	temp     bool // Stop removes the directory
	registry *daemon
	mu       sync.Mutex // of builders, which tests add in parallel
	builders []*builder
	engines  []*Engine
}

// Start makes a new sandbox for a test: its own directory, ports, builder name
// and docker configuration. Call Stop when done; should the process die
// without it, the kernel ends the daemons.
//
// EXTPACK_BUILDER is honoured as by Up, the builder being looked up in the
// user's docker configuration.
func Start(ctx context.Context, opts Options) (*Sandbox, error) {
	temp := opts.Dir == ""
	if temp {
		dir, err := os.MkdirTemp("", "extpack-sandbox-")
		if err != nil {
			return nil, fmt.Errorf("making the sandbox directory: %w", err)
		}
		opts.Dir = dir
	}
	if opts.Builder == "" {
		opts.Builder = os.Getenv("EXTPACK_BUILDER")
	}
	s, err := newSandbox(opts)
	if err != nil {
		return nil, err
	}
	s.temp = temp
	s.state.Builder = builderName(s.opts.Dir)
	if err := s.bringUpIsolated(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func newSandbox(opts Options) (*Sandbox, error) {
	def, err := DefaultDir()
	if err != nil && (opts.Dir == "" || opts.BinDir == "") {
		return nil, err
	}
	if opts.Dir == "" {
		opts.Dir = def
	}
	if opts.BinDir == "" {
		opts.BinDir = filepath.Join(def, "bin")
	}
	for _, p := range []*string{&opts.Dir, &opts.BinDir} {
		if *p, err = filepath.Abs(*p); err != nil {
			return nil, fmt.Errorf("locating the sandbox: %w", err)
		}
		if err := os.MkdirAll(*p, 0o755); err != nil {
			return nil, fmt.Errorf("making the sandbox directory: %w", err)
		}
	}
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	return &Sandbox{opts: opts}, nil
}

// bringUpIsolated creates a docker configuration for the sandbox, with the
// pinned buildx as its plugin, before the daemons start.
func (s *Sandbox) bringUpIsolated(ctx context.Context) error {
	if s.opts.DockerConfig == "" {
		s.opts.DockerConfig = filepath.Join(s.opts.Dir, "docker")
	}
	s.state.DockerConfig = s.opts.DockerConfig
	if err := s.ensureTools(ctx, tools); err != nil {
		return err
	}
	s.state.Buildx = s.bin("buildx")
	if err := s.pluginLink(s.opts.DockerConfig).take(ctx); err != nil {
		return err
	}
	config := filepath.Join(s.opts.DockerConfig, "config.json")
	if err := os.WriteFile(config, []byte("{}\n"), 0o600); err != nil {
		return fmt.Errorf("writing the docker configuration: %w", err)
	}
	return s.bringUp(ctx)
}

// bringUp starts or repairs the registry and the builder, in this order: the
// builder's configuration names the registry's port.
func (s *Sandbox) bringUp(ctx context.Context) error {
	if err := s.ensureSocketDir(); err != nil {
		return err
	}
	if err := s.ensureRegistry(ctx); err != nil {
		return err
	}
	if s.opts.Builder != "" {
		return s.useBuilder(ctx)
	}
	b := s.newBuilder(s.state.Builder, "buildkitd")
	s.builders = append(s.builders, b)
	return s.ensureBuilder(ctx, b)
}

// Registry is the host:port of the registry, which speaks plain HTTP.
func (s *Sandbox) Registry() string { return fmt.Sprintf("localhost:%d", s.state.Port) }

// Builder is the name of the buildx builder.
func (s *Sandbox) Builder() string { return s.state.Builder }

// BuildxPath is the buildx binary the builder was registered with.
func (s *Sandbox) BuildxPath() string { return s.state.Buildx }

// Dir is the state directory; daemons keep their logs in folders of it.
func (s *Sandbox) Dir() string { return s.opts.Dir }

// Env is the environment of the sandbox as KEY=VALUE, for appending to
// os.Environ: DOCKER_CONFIG, BUILDX_BUILDER, EXTPACK_REGISTRY, a PATH led by
// the folder of the binaries, and BUILDX_CONFIG where an existing builder has
// to be found in the user's configuration.
func (s *Sandbox) Env() []string {
	env := []string{
		"DOCKER_CONFIG=" + s.state.DockerConfig,
		"BUILDX_BUILDER=" + s.Builder(),
		"EXTPACK_REGISTRY=" + s.Registry(),
		"PATH=" + s.opts.BinDir + string(os.PathListSeparator) + os.Getenv("PATH"),
	}
	if c := s.buildxConfig(); c != "" {
		env = append(env, "BUILDX_CONFIG="+c)
	}
	return env
}

// Stop ends the daemons and removes what Start made. It may be called twice.
func (s *Sandbox) Stop() error {
	var errs []error
	for _, e := range s.engines {
		errs = append(errs, e.Stop())
	}
	for _, b := range s.builders {
		errs = append(errs, b.daemon.stop())
	}
	if s.registry != nil {
		errs = append(errs, s.registry.stop())
	}
	errs = append(errs, s.removeSocketDir())
	if s.temp {
		errs = append(errs, removeTree(s.opts.Dir))
	}
	return errors.Join(errs...)
}

func (s *Sandbox) logf(format string, args ...any) {
	line := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	_, _ = fmt.Fprintln(s.opts.Log, "sandbox: "+line)
}

// removeTree removes dir after letting go of mounts that a killed BuildKit
// left below it, lest the removal reach through them.
func removeTree(dir string) error {
	if err := unmountBelow(dir); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing %s: %w", dir, err)
	}
	return nil
}
