package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Older buildx releases mishandle options that extpack generates.
const minBuildxMinor = 20

// buildxTimeout ends a buildx call that hangs on a dead builder.
const buildxTimeout = 60 * time.Second

// runBuildx runs the sandbox's buildx, away from builders that the caller's
// environment selects, and returns its standard output.
func (s *Sandbox) runBuildx(ctx context.Context, args ...string) (string, error) {
	return s.runBuildxWithin(ctx, buildxTimeout, args...)
}

func (s *Sandbox) runBuildxWithin(ctx context.Context, timeout time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.state.Buildx, args...)
	cmd.Env = s.buildxEnv()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running buildx %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

func (s *Sandbox) buildxEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "BUILDX_BUILDER", "BUILDKIT_HOST", "DOCKER_CONFIG", "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND":
		default:
			env = append(env, kv)
		}
	}
	env = append(env, "DOCKER_CONFIG="+s.state.DockerConfig)
	if c := s.buildxConfig(); c != "" {
		env = append(env, "BUILDX_CONFIG="+c)
	}
	return env
}

// buildxConfig is the user's folder of builders when an existing builder is
// used from an isolated docker configuration, else empty.
func (s *Sandbox) buildxConfig() string {
	if !s.state.External && s.opts.Builder == "" || s.detach {
		return ""
	}
	if dir := os.Getenv("BUILDX_CONFIG"); dir != "" {
		return dir
	}
	dir, err := userDockerConfig()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "buildx")
}

// userDockerConfig is the docker configuration directory of the user.
func userDockerConfig() (string, error) {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding the docker configuration: %w; set DOCKER_CONFIG", err)
	}
	return filepath.Join(home, ".docker"), nil
}

// findPlugin looks for docker-buildx where the docker CLI does, in its order.
func findPlugin(config string) string {
	dirs := []string{filepath.Join(config, "cli-plugins")}
	var file struct {
		Extra []string `json:"cliPluginsExtraDirs"`
	}
	if data, err := os.ReadFile(filepath.Join(config, "config.json")); err == nil && json.Unmarshal(data, &file) == nil {
		dirs = append(file.Extra, dirs...)
	}
	dirs = append(dirs,
		"/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
		"/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins")
	for _, dir := range dirs {
		path := filepath.Join(dir, "docker-buildx")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// chooseBuildx takes the user's buildx when it is new enough, else the pinned
// one, which becomes the docker plugin only where there was none.
func (s *Sandbox) chooseBuildx(ctx context.Context) error {
	config := s.state.DockerConfig
	plugin, reason := s.usersBuildx(ctx, config)
	if plugin != "" {
		s.state.Buildx = plugin
		return nil
	}
	s.state.Buildx = s.bin("buildx")
	if reason != "" {
		s.logf("%s", reason)
		return nil
	}
	shared := findPlugin(config) != ""
	link := s.pluginLink(config)
	if err := link.take(ctx); err != nil {
		s.logf("docker has no working buildx plugin: %v", err)
		return nil
	}
	s.state.PluginLink = link.path()
	if !shared {
		s.logf("linked %s to the buildx of the sandbox, as docker had none; down removes it", link.path())
	}
	return s.saveState()
}

// usersBuildx returns the buildx plugin of a docker configuration, or the reason
// why it is not used. It returns neither if there is none, or that of a sandbox.
func (s *Sandbox) usersBuildx(ctx context.Context, config string) (plugin, reason string) {
	plugin = findPlugin(config)
	link := s.pluginLink(config)
	target, err := os.Readlink(link.path())
	if plugin == "" || err == nil && plugin == link.path() && link.isSandboxes(target) {
		return "", ""
	}
	out, err := exec.CommandContext(ctx, plugin, "version").Output()
	switch {
	case err != nil:
		return "", fmt.Sprintf("%s does not run (%v): using the buildx built from go.mod", plugin, err)
	case !newEnough(string(out)):
		return "", fmt.Sprintf("%s is older than 0.%d: using the buildx built from go.mod and leaving yours as it is", plugin, minBuildxMinor)
	}
	return plugin, ""
}

var versionPattern = regexp.MustCompile(`\bv?(\d+)\.(\d+)\.\d+`)

// newEnough reads the output of `buildx version`. A build that does not know
// its version (v0.0.0+unknown) is taken: distributions ship such.
func newEnough(output string) bool {
	m := versionPattern.FindStringSubmatch(output)
	if m == nil {
		return false
	}
	if strings.Contains(output, "v0.0.0+unknown") {
		return true
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major > 0 || minor >= minBuildxMinor
}
