package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotUp tells that the sandbox does not run, or only a part of it.
var ErrNotUp = errors.New("the sandbox is not up")

// OptionsFromEnv reads EXTPACK_SANDBOX_DIR and EXTPACK_BUILDER for Up, Down
// and Open.
func OptionsFromEnv() (Options, error) {
	dir, err := DefaultDir()
	return Options{Dir: dir, BinDir: filepath.Join(dir, "bin"), Builder: os.Getenv("EXTPACK_BUILDER")}, err
}

// Up starts what does not run yet of the sandbox of a state directory, and
// registers its builder in the user's docker configuration without selecting
// it. The daemons outlive the process.
func Up(ctx context.Context, opts Options) (*Sandbox, error) {
	s, unlock, err := attach(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.ensureTools(ctx, s.neededForUp(ctx)); err != nil {
		return nil, err
	}
	if err := s.leaveOld(ctx); err != nil {
		return nil, err
	}
	if err := s.chooseBuildx(ctx); err != nil {
		return nil, err
	}
	if err := s.bringUp(ctx); err != nil {
		return nil, err
	}
	return s, s.saveState()
}

// neededForUp returns the tools without those that the user has: a buildx that is
// new enough, and a builder.
func (s *Sandbox) neededForUp(ctx context.Context) map[string]string {
	needed := maps.Clone(tools)
	if plugin, _ := s.usersBuildx(ctx, s.opts.DockerConfig); plugin != "" {
		delete(needed, "buildx")
	}
	if s.opts.Builder != "" {
		delete(needed, "buildkitd")
	}
	return needed
}

// attach takes the state directory for this process and reads its state.
func attach(ctx context.Context, opts Options) (s *Sandbox, unlock func(), err error) {
	if opts.DockerConfig == "" {
		if opts.DockerConfig, err = userDockerConfig(); err != nil {
			return nil, nil, err
		}
	}
	if s, err = newSandbox(opts); err != nil {
		return nil, nil, err
	}
	s.detach = true
	if unlock, err = lock(ctx, filepath.Join(s.opts.Dir, "lock")); err != nil {
		return nil, nil, err
	}
	if err = s.loadState(); err != nil {
		unlock()
		return nil, nil, err
	}
	return s, unlock, nil
}

// leaveOld undoes what an earlier up left elsewhere: in another docker
// configuration, or a BuildKit daemon that EXTPACK_BUILDER now replaces.
func (s *Sandbox) leaveOld(ctx context.Context) error {
	moved := s.state.DockerConfig != "" && s.state.DockerConfig != s.opts.DockerConfig
	if moved || s.opts.Builder != "" {
		if err := s.unregister(ctx); err != nil {
			return err
		}
	}
	if moved {
		if err := s.leavePlugin(ctx); err != nil {
			return err
		}
	}
	own := builderName(s.opts.Dir)
	if s.opts.Builder != "" {
		if err := s.newBuilder(own, "buildkitd").daemon.stop(); err != nil {
			return err
		}
	}
	s.state.DockerConfig, s.state.Builder, s.state.External = s.opts.DockerConfig, own, false
	// From here on down knows where to look, however far up gets.
	return s.saveState()
}

// unregister removes our builder from buildx, and no other.
func (s *Sandbox) unregister(ctx context.Context) error {
	if s.state.Builder == "" || s.state.External {
		return nil
	}
	if _, err := os.Stat(s.state.Buildx); err != nil {
		s.state.Buildx = s.bin("buildx")
	}
	instance := filepath.Join(s.state.DockerConfig, "buildx", "instances", s.state.Builder)
	if dir := os.Getenv("BUILDX_CONFIG"); dir != "" {
		instance = filepath.Join(dir, "instances", s.state.Builder)
	}
	if _, err := os.Stat(instance); err != nil {
		return nil
	}
	if _, err := s.runBuildx(ctx, "rm", s.state.Builder); err != nil {
		return fmt.Errorf("removing the buildx builder: %w", err)
	}
	s.logf("removed the buildx builder %s", s.state.Builder)
	return nil
}

// leavePlugin gives up the docker-buildx link that Up made or joined.
func (s *Sandbox) leavePlugin(ctx context.Context) error {
	if s.state.PluginLink == "" {
		return nil
	}
	config := filepath.Dir(filepath.Dir(s.state.PluginLink))
	s.state.PluginLink = ""
	return s.pluginLink(config).leave(ctx)
}

// Down stops the sandbox of a state directory and takes back what Up did to
// the user's docker configuration. The registry's port and content, the build
// cache and the binaries stay for the next Up.
func Down(ctx context.Context, opts Options) error {
	s, unlock, err := attach(ctx, opts)
	if err != nil {
		return err
	}
	defer unlock()
	registry, buildkit := s.newRegistry(), s.newBuilder(builderName(s.opts.Dir), "buildkitd").daemon
	if registry.pid() == 0 && buildkit.pid() == 0 && s.state.Builder == "" {
		s.logf("nothing runs")
		return nil
	}
	// The builder first: buildx may ask the daemon before it forgets it.
	errs := []error{s.unregister(ctx)}
	for _, d := range []*daemon{buildkit, registry} {
		running := d.pid() != 0
		err := d.stop()
		if running && err == nil {
			s.logf("stopped %s", d.name)
		}
		errs = append(errs, err)
	}
	errs = append(errs, s.leavePlugin(ctx), s.removeSocketDir())
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, s.saveState())
	}
	s.state = state{Port: s.state.Port, TestBuilder: s.state.TestBuilder}
	return s.saveState()
}

// Open finds the sandbox that Up left running. The error wraps ErrNotUp when
// a part of it does not run.
func Open(ctx context.Context, opts Options) (*Sandbox, error) {
	s, unlock, err := attach(ctx, opts)
	if err != nil {
		return nil, err
	}
	unlock()
	s.registry = s.newRegistry()
	if !s.state.External {
		s.builders = append(s.builders, s.newBuilder(s.state.Builder, "buildkitd"))
	}
	for _, p := range s.Status() {
		if !p.Running {
			return s, fmt.Errorf("looking for the sandbox: %w (%s); run `make sandbox-up`", ErrNotUp, p)
		}
	}
	return s, nil
}

// MakeTestImages makes the test images in the sandbox that Up left running, which
// remembers their builder image.
func MakeTestImages(ctx context.Context, opts Options) (TestImages, error) {
	s, err := Open(ctx, opts)
	if err != nil {
		return TestImages{}, err
	}
	images, err := s.TestImages(ctx)
	if err != nil {
		return TestImages{}, err
	}
	unlock, err := lock(ctx, filepath.Join(s.opts.Dir, "lock"))
	if err != nil {
		return TestImages{}, err
	}
	defer unlock()
	s.state.TestBuilder = images.Builder
	return images, s.saveState()
}

// TestBuilder is the builder image of MakeTestImages, empty when there is none
// in this registry.
func (s *Sandbox) TestBuilder() string {
	if !strings.HasPrefix(s.state.TestBuilder, s.Registry()+"/") {
		return ""
	}
	return s.state.TestBuilder
}

// A Part is one piece of a sandbox and whether it runs.
type Part struct {
	Name    string
	Running bool
	Detail  string // where it is
}

func (p Part) String() string {
	if !p.Running {
		return p.Name + ": stopped"
	}
	return p.Name + ": running, " + p.Detail
}

// Status tells what runs.
func (s *Sandbox) Status() []Part {
	pid := s.registry.pid()
	parts := []Part{{"registry", pid != 0, fmt.Sprintf("%s, process %d", s.Registry(), pid)}}
	if s.state.External {
		return append(parts, Part{"builder", true, s.state.Builder + ", not started by the sandbox"})
	}
	for _, b := range s.builders {
		pid := b.daemon.pid()
		parts = append(parts, Part{"builder", pid != 0, fmt.Sprintf("%s at %s, process %d", b.name, b.addr, pid)})
	}
	return parts
}
