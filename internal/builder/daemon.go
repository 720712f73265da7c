package builder

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/emulation"
)

// StateDir returns the folder of the daemons that this package starts: below
// XDG_STATE_HOME (XDG Base Directory Specification), or its default in the home
// folder.
func StateDir() (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) { // the specification ignores relative ones
		home, err := os.UserHomeDir()
		if err != nil {
			return "", diag.WithHint(fmt.Errorf("finding the state folder: %w", err), "set XDG_STATE_HOME to a folder that you own")
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "docker-extpack", "builders"), nil
}

// daemon is a BuildKit daemon on this machine, with its folder:
//
//	buildkitd.toml  its configuration
//	buildkitd.sock  where it listens
//	buildkitd.pid   its process
//	buildkitd.log   what it says
//	root/           its cache
//	run/            the containers that run, when BuildKit has no root rights
//	emulators/      links to QEMU under the names that BuildKit looks for
//	binfmt          how QEMU is registered in the user namespace of BuildKit
type daemon struct {
	dir string
}

func (d daemon) config() string   { return filepath.Join(d.dir, "buildkitd.toml") }
func (d daemon) socket() string   { return filepath.Join(d.dir, "buildkitd.sock") }
func (d daemon) log() string      { return filepath.Join(d.dir, "buildkitd.log") }
func (d daemon) pidFile() string  { return filepath.Join(d.dir, "buildkitd.pid") }
func (d daemon) root() string     { return filepath.Join(d.dir, "root") }
func (d daemon) runtime() string  { return filepath.Join(d.dir, "run") }
func (d daemon) endpoint() string { return "unix://" + d.socket() }

// makeFolder creates the folder. Only this user may have access: access to the
// socket is equivalent to root.
func (d daemon) makeFolder() error { return makePrivate(d.dir) }

func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return diag.WithHint(fmt.Errorf("creating the folder of the builder: %w", err), "set XDG_STATE_HOME to a folder that you may write to")
	}
	return nil
}

// LocalRoot returns the cache folder of the local daemon at an endpoint. ok is
// false if this package did not start it.
func LocalRoot(stateDir, endpoint string) (dir string, ok bool) {
	d := daemon{dir: filepath.Dir(strings.TrimPrefix(endpoint, "unix://"))}
	if filepath.Dir(d.dir) != filepath.Clean(stateDir) || d.endpoint() != endpoint {
		return "", false
	}
	return d.root(), true
}

// LocalConfig returns the configuration of the local daemon at an endpoint, or
// nil if this package did not start it.
func LocalConfig(stateDir, endpoint string) []byte {
	root, ok := LocalRoot(stateDir, endpoint)
	if !ok {
		return nil
	}
	data, err := os.ReadFile(daemon{dir: filepath.Dir(root)}.config())
	if err != nil {
		return nil
	}
	return data
}

// errNoBuildKit is returned if a local daemon cannot be started because
// something is missing.
var errNoBuildKit = errors.New("a local BuildKit cannot be started")

// maxSocket is the maximum length of the path of a Unix socket on all systems.
const maxSocket = 103

const rootlessHint = "run the command as root, or install rootlesskit and uidmap and add ranges for your user to /etc/subuid and /etc/subgid: " +
	"https://github.com/moby/buildkit/blob/master/docs/rootless.md"

// command returns the command that starts the daemon.
func (d daemon) command() ([]string, error) {
	if len(d.socket()) > maxSocket {
		return nil, diag.WithHint(fmt.Errorf("%w: %s is too long for a socket", errNoBuildKit, d.socket()), "set XDG_STATE_HOME to a folder with a shorter name")
	}
	buildkitd, err := exec.LookPath("buildkitd")
	if err != nil {
		return nil, diag.WithHint(fmt.Errorf("%w: buildkitd is not on PATH", errNoBuildKit),
			"start Docker Engine, or install BuildKit: https://github.com/moby/buildkit/releases")
	}
	if _, err := exec.LookPath("buildkit-runc"); err != nil {
		if _, err := exec.LookPath("runc"); err != nil {
			return nil, diag.WithHint(fmt.Errorf("%w: neither buildkit-runc nor runc is on PATH", errNoBuildKit),
				"install runc from your distribution, or the archive of BuildKit, which contains buildkit-runc")
		}
	}
	args := []string{
		buildkitd, "--config", d.config(), "--root", d.root(), "--addr", d.endpoint(),
		"--oci-worker=true", "--containerd-worker=false",
		// The default path is shared by all daemons of the machine.
		"--otel-socket-path", filepath.Join(d.dir, "otel.sock"),
	}
	if os.Geteuid() == 0 {
		return args, nil
	}
	rootlesskit, err := exec.LookPath("rootlesskit")
	if err != nil {
		return nil, diag.WithHint(fmt.Errorf("%w: without root rights, rootlesskit is required, which is not on PATH", errNoBuildKit),
			rootlessHint)
	}
	return append([]string{rootlesskit, "--net=host", "sh", "-c", withHandlers, filepath.Join(d.dir, "binfmt")}, args...), nil
}

// environ returns the environment of the daemon.
func (d daemon) environ() []string {
	env := append(os.Environ(), "PATH="+d.emulators()+string(os.PathListSeparator)+os.Getenv("PATH"))
	if os.Geteuid() == 0 {
		return env
	}
	// Without root privileges, /run/runc, the default of runc, cannot be used.
	// runc uses XDG_RUNTIME_DIR instead, but not if USER is root, as su and
	// sudo may set it.
	env = slices.DeleteFunc(env, func(s string) bool { return strings.HasPrefix(s, "USER=") })
	return append(env, "XDG_RUNTIME_DIR="+d.runtime())
}

// emulatorLinks returns the links by which the daemon finds emulators that the
// distribution installs under other names. BuildKit does not need binfmt_misc if
// it finds them.
func emulatorLinks() map[string]string {
	links := map[string]string{}
	for _, arch := range emulation.Names() {
		name := "buildkit-qemu-" + arch
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if path, err := exec.LookPath("qemu-" + arch + "-static"); err == nil {
			links[name] = path
		}
	}
	return links
}

func (d daemon) emulators() string { return filepath.Join(d.dir, "emulators") }

// emulatorsLinked reports whether all installed emulators are linked.
func (d daemon) emulatorsLinked() bool {
	for name, path := range emulatorLinks() {
		if old, err := os.Readlink(filepath.Join(d.emulators(), name)); err != nil || old != path {
			return false
		}
	}
	return true
}

// linkEmulators creates the folder of links for the daemon's PATH.
func (d daemon) linkEmulators() error {
	if err := os.RemoveAll(d.emulators()); err != nil {
		return err
	}
	if err := os.MkdirAll(d.emulators(), 0o755); err != nil {
		return err
	}
	for name, path := range emulatorLinks() {
		if err := os.Symlink(path, filepath.Join(d.emulators(), name)); err != nil {
			return err
		}
	}
	return nil
}
