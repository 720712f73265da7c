// Package buildx finds the user's buildx, runs it, lists its builders and
// explains its failures. It does not know extensions and plans.
package buildx

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/docker/cli/cli-plugins/manager"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli/config"
	"github.com/spf13/cobra"
	"golang.org/x/mod/semver"

	"github.com/extpack/extpack/internal/diag"
)

// MinVersion is the oldest buildx that supports the object-form attributes and
// --allow settings of the generated file.
const MinVersion = "v0.20.0"

// InstallHint is the hint of a missing or old buildx.
const InstallHint = "install or update buildx: https://github.com/docker/buildx#installing"

// Client is the user's buildx.
type Client struct {
	Path string
	// Version is the version that buildx reports, such as "v0.37.2", or
	// "v0.0.0+unknown" for a build without a version.
	Version string
	// Env is the environment that it runs with.
	Env []string
	// Contexts are the docker contexts.
	Contexts Contexts
}

// FindClient searches buildx in the plugin folders of the docker CLI, and then
// on PATH, and has it use what the flags of the docker CLI, whose command is root,
// name. It returns a [*diag.HintError] if buildx is missing or too old. It calls
// warn with other problems.
func FindClient(cli Docker, root *cobra.Command, warn func(string)) (*Client, error) {
	env, err := DockerEnviron(cli, root)
	if err != nil {
		return nil, err
	}
	b, err := locate(cli, root, warn)
	if err != nil {
		return nil, err
	}
	b.Env, b.Contexts = Environ(env), contextsOf(cli)
	return b, nil
}

func locate(cli config.Provider, root *cobra.Command, warn func(string)) (*Client, error) {
	b, err := findPlugin(cli, root)
	if err != nil {
		return nil, err
	}
	switch {
	case !semver.IsValid(b.Version) || strings.HasPrefix(b.Version, "v0.0.0"):
		warn(fmt.Sprintf("%s does not report its version (%q); %s or newer is required", b.Path, b.Version, MinVersion))
	case semver.Compare(b.Version, MinVersion) < 0:
		return nil, diag.WithHint(fmt.Errorf("buildx %s at %s is too old, %s or newer is required", b.Version, b.Path, MinVersion), InstallHint)
	}
	return b, nil
}

func findPlugin(cli config.Provider, root *cobra.Command) (*Client, error) {
	if b := recall(cli); b != nil {
		return b, nil
	}
	p, err := manager.GetPlugin("buildx", cli, root)
	if err == nil && p.Err == nil {
		b := &Client{Path: p.Path, Version: p.Version}
		remember(b)
		return b, nil
	}
	if err == nil {
		return nil, diag.WithHint(fmt.Errorf("using the buildx plugin at %s: %w", p.Path, p.Err), InstallHint)
	}
	for _, name := range []string{"docker-buildx", "buildx"} {
		path, lookErr := exec.LookPath(name)
		if lookErr != nil {
			continue
		}
		version, err := versionOf(path)
		if err != nil {
			return nil, err
		}
		return &Client{Path: path, Version: version}, nil
	}
	return nil, diag.WithHint(errors.New("finding buildx: no docker-buildx in the docker CLI's plugin folders or on PATH"), InstallHint)
}

// versionOf returns the version that a standalone binary prints: "MODULE
// VERSION REVISION".
func versionOf(path string) (string, error) {
	out, err := exec.Command(path, "version").Output()
	if err != nil {
		return "", diag.WithHint(fmt.Errorf("asking %s for its version: %w", path, err), InstallHint)
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		return "", nil
	}
	return fields[1], nil
}

// wantsTraces reports whether a variable configures tracing. The docker CLI
// sets the resource attributes for every plugin.
func wantsTraces(kv string) bool {
	return strings.HasPrefix(kv, "OTEL_") && !strings.HasPrefix(kv, "OTEL_RESOURCE_ATTRIBUTES=")
}

// Environ returns the environment for buildx. docker are the variables for the
// global flags of the docker CLI, as NAME=VALUE.
func Environ(docker []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		// With the first one, buildx expects docker's arguments before its own.
		// The second one is a variable of the generated file, whose value the
		// plan has set; other extensions have one each. The third one would
		// make paths relative to the bake file, which is in a temporary folder.
		// The last one adds labels that are not part of the plan.
		return name == metadata.ReexecEnvvar || name == "PLATFORMS" || strings.HasPrefix(name, "PLATFORMS_") ||
			name == "BUILDX_BAKE_FILE_RELATIVE_PATHS" || name == "BUILDX_GIT_LABELS"
	})
	env = append(env, docker...)
	// Nothing reads provenance from the metadata file.
	env = append(env, "BUILDX_METADATA_PROVENANCE=disabled")
	if !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "BUILDX_GIT_INFO=") }) {
		// Nothing is attested, and buildx would run git six times per target.
		env = append(env, "BUILDX_GIT_INFO=0")
	}
	if !slices.ContainsFunc(env, wantsTraces) {
		// Otherwise BuildKit encodes the whole trace once per target, which
		// delays the next command by seconds.
		env = append(env, "OTEL_TRACES_SAMPLER=always_off")
	}
	return env
}
