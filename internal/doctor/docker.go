package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/docker/cli/cli-plugins/metadata"
)

// FindDocker returns a function that runs the docker CLI, the one that runs this
// plugin if there is one, with the
// environment env, or nil if it is not on PATH.
func FindDocker(env []string) func(ctx context.Context) (Docker, error) {
	name := os.Getenv(metadata.ReexecEnvvar)
	if name == "" {
		name = "docker"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil
	}
	return func(ctx context.Context) (Docker, error) {
		cmd := exec.CommandContext(ctx, path, "info", "--format", "{{json .}}") //nolint:gosec // docker itself names it, or PATH
		cmd.Env = env
		cmd.WaitDelay = time.Second
		out, err := cmd.Output() // also fails if the engine does not respond
		asked := time.Now()
		var info struct {
			ServerVersion string
			SystemTime    string
			ClientInfo    struct{ Version, Context string }
		}
		if jsonErr := json.Unmarshal(out, &info); jsonErr != nil || info.ClientInfo.Context == "" {
			if err == nil {
				err = errors.New("its response is not valid")
			}
			return Docker{}, err
		}
		d := Docker{Version: info.ClientInfo.Version, Context: info.ClientInfo.Context, Server: info.ServerVersion, Asked: asked}
		if d.Version == "" {
			d.Version = "(older than 24)"
		}
		if t, err := time.Parse(time.RFC3339Nano, info.SystemTime); err == nil {
			d.Time = t
		}
		return d, nil
	}
}
