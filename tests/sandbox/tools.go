package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// tools are the commands that the sandbox runs, compiled from the modules pinned
// in go.mod, by the name of their binary.
var tools = map[string]string{
	"buildkitd": "github.com/moby/buildkit/cmd/buildkitd",
	"buildx":    "github.com/docker/buildx/cmd/buildx",
	"registry":  "github.com/extpack/extpack/tests/sandbox/cmd/registry",
}

// quickBuildx is a buildx with fewer drivers, for Options.Quick.
const quickBuildx = "github.com/extpack/extpack/tests/sandbox/cmd/buildx"

func (s *Sandbox) bin(name string) string { return filepath.Join(s.opts.BinDir, name) }

// ensureTools makes everything that the daemons need: rights, runc, and the needed
// binaries. The lock on the binaries keeps parallel test processes from doing it
// twice.
func (s *Sandbox) ensureTools(ctx context.Context, needed map[string]string) error {
	unlock, err := lock(ctx, s.bin("lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if s.opts.Builder == "" {
		if err := s.ensureRuntime(ctx); err != nil {
			return err
		}
	}
	return s.ensureBinaries(ctx, needed)
}

// ensureBinaries compiles the needed tools unless they were compiled from the same
// go.mod by the same Go before. Tests do not use tools that were compiled quickly.
func (s *Sandbox) ensureBinaries(ctx context.Context, needed map[string]string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	stamp, err := buildStamp(root)
	if err != nil {
		return err
	}
	quickly := stamp + "quickly\n"
	old, err := os.ReadFile(s.bin("stamp"))
	if err == nil && (string(old) == stamp || s.detach && string(old) == quickly) && haveBinaries(s.opts.BinDir, needed) {
		return nil
	}
	var env, flags []string
	if s.opts.Quick {
		stamp, env, flags = quickly, []string{"CGO_ENABLED=0"}, []string{quickFlag}
		needed = maps.Clone(needed)
		if needed["buildx"] != "" {
			needed["buildx"] = quickBuildx
		}
	}
	s.logf("compiling %s from go.mod (a few minutes the first time)", strings.Join(slices.Sorted(maps.Keys(needed)), ", "))
	temp, err := os.MkdirTemp(s.opts.BinDir, "build-")
	if err != nil {
		return fmt.Errorf("compiling the sandbox's tools: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := compile(ctx, root, temp, needed, env, flags...); err != nil {
		return err
	}
	// A rename replaces a binary that runs; writing into it would fail.
	for name := range tools {
		if needed[name] == "" {
			// It may be of another go.mod.
			if err := os.Remove(s.bin(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("installing the sandbox's tools: %w", err)
			}
			continue
		}
		if err := os.Rename(filepath.Join(temp, name), s.bin(name)); err != nil {
			return fmt.Errorf("installing the sandbox's tools: %w", err)
		}
	}
	if err := os.WriteFile(s.bin("stamp"), []byte(stamp), 0o644); err != nil {
		return fmt.Errorf("installing the sandbox's tools: %w", err)
	}
	return nil
}

// haveBinaries tells whether a folder has all tools.
func haveBinaries(dir string, tools map[string]string) bool {
	for name := range tools {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// buildStamp changes with anything that could change the binaries.
func buildStamp(root string) (string, error) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("reading the pinned versions: %w", err)
	}
	sum := sha256.Sum256(mod)
	return runtime.Version() + " " + hex.EncodeToString(sum[:]) + "\n", nil
}

// quickFlag leaves out what takes half of the compiler's time. tests/demo.sh has
// it, too, so that packages compiled for the one are cached for the other.
const quickFlag = "-gcflags=all=-l -dwarf=false"

// compilerEnv keeps compiler and linker from collecting garbage until they have a
// gigabyte, which saves a fifth of their time and does not change the result.
var compilerEnv = []string{"GOGC=off", "GOMEMLIMIT=1GiB"}

// compile builds tools into dir. Without flags it has the build settings of
// `go test`, so that packages compiled for the one are cached for the other.
func compile(ctx context.Context, root, dir string, tools map[string]string, env []string, flags ...string) error {
	ldflags := "-s -w"
	// Without a version both count as development builds.
	for _, module := range []string{"github.com/docker/buildx", "github.com/moby/buildkit"} {
		list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", module)
		list.Dir = root
		version, err := list.Output()
		if err != nil {
			return fmt.Errorf("finding the pinned version of %s: %w; is Go installed and on PATH?", module, err)
		}
		ldflags += " -X " + module + "/version.Version=" + strings.TrimSpace(string(version))
	}
	args := append([]string{"build", "-buildvcs=false", "-o", dir + string(filepath.Separator), "-ldflags", ldflags}, flags...)
	for _, pkg := range tools {
		args = append(args, pkg)
	}
	build := exec.CommandContext(ctx, "go", args...)
	build.Dir = root
	build.Env = slices.Concat(os.Environ(), compilerEnv, env)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling the sandbox's tools: %w:\n%s", err, out)
	}
	return nil
}

// ensureRuntime checks what BuildKit's OCI worker needs: root, and runc, which
// it installs when it is missing.
func (s *Sandbox) ensureRuntime(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("starting BuildKit: it needs root; run as root, or set EXTPACK_BUILDER to a buildx builder that you have (docker buildx ls)")
	}
	if runcInstalled() {
		return nil
	}
	install := packageManager()
	if install == "" {
		return errors.New("installing runc: found none of apt-get, dnf and apk; install runc by hand or set EXTPACK_BUILDER to a buildx builder that you have")
	}
	s.logf("installing runc: %s", install)
	cmd := exec.CommandContext(ctx, "sh", "-c", install)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("installing runc: %w; install it by hand or set EXTPACK_BUILDER to a buildx builder that you have:\n%s", err, out)
	}
	if !runcInstalled() {
		return errors.New("installing runc: the package manager reports success but runc is not on PATH")
	}
	return nil
}

func runcInstalled() bool {
	for _, name := range []string{"buildkit-runc", "runc"} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

// packageManager is the shell command that installs runc on this system.
func packageManager() string {
	for _, m := range []struct{ program, install string }{
		{"apt-get", "apt-get update -qq && apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 runc"},
		{"dnf", "dnf install -y -q runc"},
		{"apk", "apk add --quiet runc"},
	} {
		if _, err := exec.LookPath(m.program); err == nil {
			return m.install
		}
	}
	return ""
}

func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
