package sandbox

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// testParts are what the test images are made of, by architecture.
type testParts struct {
	busybox, lifecycle map[string]string
	applets            []string
	version            string          // of the lifecycle
	apis               json.RawMessage // the label of a lifecycle image
	stamp              string
}

// lifecycleModule is the module of the lifecycle, pinned in tests/lifecycle.
const lifecycleModule = "github.com/buildpacks/lifecycle"

// partsFormat changes with the files of the test images.
const partsFormat = "1"

func testArches() []string {
	var arches []string
	for _, p := range TestPlatforms {
		arches = append(arches, path.Base(p))
	}
	return arches
}

// ensureTestParts downloads busybox and compiles the lifecycle for each
// architecture, unless that was done from the same go.mod by the same Go before.
func (s *Sandbox) ensureTestParts(ctx context.Context) (*testParts, error) {
	dir := s.bin("testimage")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	module := filepath.Join(root, "tests", "lifecycle")
	stamp, err := buildStamp(module)
	if err != nil {
		return nil, err
	}
	p := &testParts{busybox: map[string]string{}, lifecycle: map[string]string{}, stamp: partsFormat + " " + stamp}
	for _, arch := range testArches() {
		p.busybox[arch] = filepath.Join(dir, "busybox-"+arch)
		p.lifecycle[arch] = filepath.Join(dir, "lifecycle-"+arch)
	}
	if err := s.ensureBusybox(ctx, dir, p.busybox); err != nil {
		return nil, err
	}
	native := p.busybox[runtime.GOARCH]
	if native == "" {
		return nil, fmt.Errorf("running busybox: the test images are for %s only", strings.Join(TestPlatforms, " and "))
	}
	out, err := exec.CommandContext(ctx, native, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("running busybox: %w", err)
	}
	p.applets = strings.Fields(string(out))
	if old, err := os.ReadFile(filepath.Join(dir, "stamp")); err != nil || string(old) != p.stamp {
		s.logf("compiling the lifecycle for %s (a minute the first time)", strings.Join(TestPlatforms, " and "))
		if err := p.compileLifecycle(ctx, module); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "stamp"), []byte(p.stamp), 0o644); err != nil {
			return nil, err
		}
	}
	if p.version, err = lifecycleVersion(ctx, module); err != nil {
		return nil, err
	}
	p.apis, err = goOutput(ctx, module, "run", "./apis")
	return p, err
}

func lifecycleVersion(ctx context.Context, module string) (string, error) {
	out, err := goOutput(ctx, module, "list", "-m", "-f", "{{.Version}}", lifecycleModule)
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), err
}

// goOutput runs the go command in another module than that of the caller.
func goOutput(ctx context.Context, module string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("running go %s: %w:\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}

func (p *testParts) compileLifecycle(ctx context.Context, module string) error {
	version, err := lifecycleVersion(ctx, module)
	if err != nil {
		return err
	}
	ldflags := "-s -w -X " + lifecycleModule + "/cmd.Version=" + version
	for arch, file := range p.lifecycle {
		build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags", ldflags, "-o", file, lifecycleModule+"/cmd/lifecycle")
		build.Dir = module
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("compiling the lifecycle for %s: %w:\n%s", arch, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// ensureBusybox downloads the package busybox-static of each architecture. apt
// uses separate lists, because those of this machine are for its architecture.
func (s *Sandbox) ensureBusybox(ctx context.Context, dir string, files map[string]string) error {
	missing := map[string]string{}
	for arch, file := range files {
		if _, err := os.Stat(file); err != nil {
			missing[arch] = file
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return ErrNoPackages
	}
	s.logf("downloading busybox-static for %s", strings.Join(TestPlatforms, " and "))
	temp, err := os.MkdirTemp(dir, "apt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	options, err := aptOptions(temp)
	if err != nil {
		return err
	}
	if err := apt(ctx, temp, append(options, "update")); err != nil {
		return err
	}
	for arch, file := range missing {
		if err := apt(ctx, temp, append(options, "download", "busybox-static:"+arch)); err != nil {
			return err
		}
		debs, err := filepath.Glob(filepath.Join(temp, "busybox-static_*_"+arch+".deb"))
		if err != nil || len(debs) != 1 {
			return fmt.Errorf("downloading busybox-static for %s: found %d packages", arch, len(debs))
		}
		if err := extractBusybox(ctx, debs[0], file); err != nil {
			return err
		}
	}
	return nil
}

// aptOptions prepares a folder for lists and packages of all architectures.
func aptOptions(dir string) ([]string, error) {
	for _, name := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
	}
	status := filepath.Join(dir, "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return nil, err
	}
	options := []string{
		"-q", "-o", "Dir::State=" + filepath.Join(dir, "state"), "-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"), "-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none",
		"-o", "APT::Architecture=" + runtime.GOARCH,
	}
	for _, arch := range testArches() {
		options = append(options, "-o", "APT::Architectures::="+arch)
	}
	return options, nil
}

func apt(ctx context.Context, dir string, args []string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("downloading busybox-static: apt-get %s: %w\n%s", args[len(args)-1], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// extractBusybox writes the program of a package to a file.
func extractBusybox(ctx context.Context, deb, file string) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("unpacking busybox-static: %w", err)
	}
	found := false
	for tr := tar.NewReader(stdout); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("unpacking busybox-static: %w", errors.Join(err, cmd.Wait()))
		}
		// It is in /bin or in /usr/bin, depending on the release.
		if header.Typeflag == tar.TypeReg && path.Base(header.Name) == "busybox" && path.Base(path.Dir(header.Name)) == "bin" {
			data, err := io.ReadAll(tr)
			if err == nil {
				err = os.WriteFile(file, data, 0o755)
			}
			if err != nil {
				return fmt.Errorf("unpacking busybox-static: %w", errors.Join(err, cmd.Wait()))
			}
			found = true
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("unpacking busybox-static: %w", err)
	}
	if !found {
		return fmt.Errorf("unpacking busybox-static: %s has no bin/busybox", filepath.Base(deb))
	}
	return nil
}
