package sandbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// peerTools are programs pinned in the go.mod of tests/peers/tools, a separate
// module, by the name of their binary: pack, a program around pack's code for
// reading packages, and tools that copy images between registries and files.
var peerTools = map[string]string{
	"crane":      "github.com/google/go-containerregistry/cmd/crane",
	"oras":       "oras.land/oras/cmd/oras",
	"regctl":     "github.com/regclient/regclient/cmd/regctl",
	"pack":       "github.com/buildpacks/pack",
	"packreader": "./packreader",
}

// PeerTools is Peers without a sandbox.
func PeerTools(ctx context.Context, opts Options) (dir string, err error) {
	s, err := newSandbox(opts)
	if err != nil {
		return "", err
	}
	return s.Peers(ctx)
}

// Peers compiles the tools of others, which takes some minutes the first time,
// and returns the folder with the binaries.
func (s *Sandbox) Peers(ctx context.Context) (dir string, err error) {
	return s.ensureModule(ctx, "peers", "pack, crane, oras and regctl", peerTools)
}

// moduleStamp is buildStamp of a module that contains programs, too.
func moduleStamp(module string, tools map[string]string) (string, error) {
	stamp, err := buildStamp(module)
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		if !strings.HasPrefix(tools[name], "./") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(module, tools[name], "main.go"))
		if err != nil {
			return "", fmt.Errorf("reading the source of %s: %w", name, err)
		}
		stamp += fmt.Sprintf("%s %x\n", name, sha256.Sum256(text))
	}
	return stamp, nil
}

// ensureModule compiles tools of the module tests/NAME/tools unless they were
// compiled from the same sources by the same Go before.
func (s *Sandbox) ensureModule(ctx context.Context, name, what string, tools map[string]string) (dir string, err error) {
	dir = s.bin(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("compiling %s: %w", what, err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "tests", name, "tools")
	stamp, err := moduleStamp(module, tools)
	if err != nil {
		return "", err
	}
	if old, err := os.ReadFile(filepath.Join(dir, "stamp")); err == nil && string(old) == stamp && haveBinaries(dir, tools) {
		return dir, nil
	}
	s.logf("compiling %s (some minutes the first time)", what)
	args := []string{"build", "-buildvcs=false", "-ldflags", "-s -w", "-o", dir + string(filepath.Separator)}
	for _, pkg := range tools {
		args = append(args, pkg)
	}
	build := exec.CommandContext(ctx, "go", args...)
	build.Dir = module
	build.Env = append(append(os.Environ(), compilerEnv...), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling %s: %w:\n%s", what, err, strings.TrimSpace(string(out)))
	}
	if err := os.WriteFile(filepath.Join(dir, "stamp"), []byte(stamp), 0o644); err != nil {
		return "", fmt.Errorf("compiling %s: %w", what, err)
	}
	return dir, nil
}

// Cosign compiles cosign, which takes some minutes the first time, and returns its
// path.
func (s *Sandbox) Cosign(ctx context.Context) (string, error) {
	dir, err := s.ensureModule(ctx, "signing", "cosign", map[string]string{"cosign": "github.com/sigstore/cosign/v2/cmd/cosign"})
	return filepath.Join(dir, "cosign"), err
}
