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
	ctx, cancel := context.WithTimeout(ctx, buildxTimeout)
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
	own := s.bin("buildx")
	s.state.Buildx = own
	config := s.state.DockerConfig
	plugin := findPlugin(config)
	if plugin == "" {
		link, err := linkPlugin(own, config)
		if err != nil {
			s.logf("docker has no working buildx plugin: %v", err)
			return nil
		}
		s.state.PluginLink = link
		s.logf("linked %s to the buildx of the sandbox, as docker had none; down removes it", link)
		return s.saveState()
	}
	if target, err := os.Readlink(plugin); err == nil && target == own {
		s.state.PluginLink = plugin // of an earlier up
		return nil
	}
	out, err := exec.CommandContext(ctx, plugin, "version").Output()
	switch {
	case err != nil:
		s.logf("%s does not run (%v): using the buildx built from go.mod", plugin, err)
	case !newEnough(string(out)):
		s.logf("%s is older than 0.%d: using the buildx built from go.mod and leaving yours as it is", plugin, minBuildxMinor)
	default:
		s.state.Buildx = plugin
	}
	return nil
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

// linkPlugin makes target the docker-buildx plugin of a docker configuration.
// What stands at that place and is not our own link is left alone.
func linkPlugin(target, config string) (link string, err error) {
	link = filepath.Join(config, "cli-plugins", "docker-buildx")
	if old, err := os.Readlink(link); err == nil && old == target {
		return link, nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return "", fmt.Errorf("linking the buildx plugin: %w", err)
	}
	if err := os.Symlink(target, link); err != nil {
		return "", fmt.Errorf("linking the buildx plugin: %w; repair or remove %s", err, link)
	}
	return link, nil
}

// unlinkPlugin removes the link that up made, if it is still that link.
func (s *Sandbox) unlinkPlugin() error {
	link := s.state.PluginLink
	s.state.PluginLink = ""
	if target, err := os.Readlink(link); link == "" || err != nil || target != s.bin("buildx") {
		return nil
	}
	if err := os.Remove(link); err != nil {
		return fmt.Errorf("removing the buildx plugin link: %w", err)
	}
	s.logf("removed %s", link)
	return nil
}
