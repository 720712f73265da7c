package page

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Shell runs a script with bash until a command fails, and returns its output.
func Shell(dir string, env []string, script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -eu\n"+script)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Dispatcher writes a program "docker" into dir, which runs plugins as the docker
// CLI does, and other commands with the program rest, if it is not empty.
func Dispatcher(dir string, plugins map[string]string, rest string) error {
	script := "#!/bin/sh\ncase $1 in\n"
	for name, program := range plugins {
		script += name + ") shift; exec " + program + " \"$@\" ;;\n"
	}
	script += "esac\n"
	if rest != "" {
		script += "exec " + rest + " \"$@\"\n"
	}
	script += "echo \"docker: '$1' is not a docker command.\" >&2\nexit 1\n"
	return os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755)
}

// ReadersExtension writes the extension of the reader that pages speak of into
// dir: one for two platforms with a build stage. More is added to its descriptor.
func ReadersExtension(dir, more string) error {
	write := func(name, content string, mode os.FileMode) error {
		return os.WriteFile(filepath.Join(dir, name), []byte(content), mode)
	}
	return errors.Join(
		os.MkdirAll(dir, 0o755),
		write("extension.toml", descriptor+more, 0o644),
		write("Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY generate /bin/generate\nCOPY generate /$TARGETARCH\n", 0o644),
		write("generate", "#!/bin/sh\nexit 0\n", 0o755),
	)
}

// BuildStage is the part of a descriptor that makes the Dockerfile of the extension
// its build stage.
const BuildStage = "[metadata.extpack.build]\n"

const descriptor = `api = "0.10"

[extension]
id = "acme/my-extension"
version = "1.2.3"

[[targets]]
os = "linux"
arch = "amd64"

[[targets]]
os = "linux"
arch = "arm64"

[metadata.extpack]
image = "ghcr.io/acme/{{.Slug}}"

`
