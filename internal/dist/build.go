package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
)

// compile builds the plugin as "make build" does. What the environment could
// change is set.
func (r *release) compile(ctx context.Context, p platform, out string) error {
	const version = "github.com/extpack/extpack/internal/version"
	env := []string{"CGO_ENABLED=0", "GOOS=" + p.os, "GOARCH=" + p.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOARM=7"}
	if p.variant != "" {
		env = append(env, "GOARM="+p.variant[1:])
	}
	return r.goCommand(ctx, env, "build", "-trimpath", "-buildvcs=false", "-tags", r.tags,
		"-ldflags", "-s -w -X "+version+".Version="+r.version+" -X "+version+".Revision="+r.revision,
		"-o", out, "./cli-plugin/docker-extpack")
}

// goCommand runs go in the repository.
func (r *release) goCommand(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.root
	cmd.Env = append(append(os.Environ(), "GOFLAGS=", "GOWORK=off"), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return nil
}
