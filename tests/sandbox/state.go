package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// state is what a sandbox remembers from one command to the next.
type state struct {
	// Port of the registry, chosen once.
	Port int `json:"port,omitempty"`
	// Builder is the buildx builder in use; External tells that it is not ours.
	Builder  string `json:"builder,omitempty"`
	External bool   `json:"external,omitempty"`
	// DockerConfig is where the builder is registered, with the binary Buildx.
	DockerConfig string `json:"dockerConfig,omitempty"`
	Buildx       string `json:"buildx,omitempty"`
	// PluginLink is the docker-buildx link that up made or joined.
	PluginLink string `json:"pluginLink,omitempty"`
	// TestBuilder is the builder image that the registry has for tests.
	TestBuilder string `json:"testBuilder,omitempty"`
	// SocketDir contains the sockets when the state directory is too deep.
	SocketDir string `json:"socketDir,omitempty"`
}

// DefaultDir is EXTPACK_SANDBOX_DIR, or .sandbox at the root of the module
// that the working directory is in.
func DefaultDir() (string, error) {
	if dir := os.Getenv("EXTPACK_SANDBOX_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".sandbox"), nil
}

// moduleRoot walks up from the working directory to the folder of go.mod.
func moduleRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("finding the module: no go.mod in %s or above; run inside a checkout of extpack", wd)
		}
	}
}

func (s *Sandbox) statePath() string { return filepath.Join(s.opts.Dir, "state.json") }

// loadState reads what the last command wrote. A file that cannot be
// understood counts as none: everything in it can be found or made again.
func (s *Sandbox) loadState() error {
	data, err := os.ReadFile(s.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the sandbox state: %w", err)
	}
	if err := json.Unmarshal(data, &s.state); err != nil {
		s.logf("ignoring the unreadable %s: %v", s.statePath(), err)
		s.state = state{}
	}
	return nil
}

// saveState writes the state so that a reader never sees half of it.
func (s *Sandbox) saveState() error {
	data, err := json.MarshalIndent(s.state, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the sandbox state: %w", err)
	}
	temp := s.statePath() + ".new"
	if err := os.WriteFile(temp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the sandbox state: %w", err)
	}
	if err := os.Rename(temp, s.statePath()); err != nil {
		return fmt.Errorf("writing the sandbox state: %w", err)
	}
	return nil
}

// builderName is unique for a state directory, so that a builder of this name
// is always ours.
func builderName(dir string) string { return "extpack-sandbox-" + shortHash(dir) }

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// maxSocketPath is the shortest limit of the systems we run on (a Unix socket
// address has 108 bytes with its closing zero on Linux), less the room for
// the longest file name we use.
const maxSocketPath = 103 - len("/buildkitd-00.otel.sock")

// ensureSocketDir keeps the sockets in the state directory, or in a short
// temporary one when their paths would be too long for the kernel.
func (s *Sandbox) ensureSocketDir() error {
	if len(s.opts.Dir) <= maxSocketPath {
		return nil
	}
	if info, err := os.Lstat(s.state.SocketDir); err == nil && info.IsDir() {
		return nil
	}
	parent := os.TempDir()
	if len(parent)+len("/extpack-0123456789") > maxSocketPath {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "extpack-")
	if err != nil {
		return fmt.Errorf("making a short folder for the sockets: %w", err)
	}
	s.state.SocketDir = dir
	if s.detach {
		return s.saveState()
	}
	return nil
}

func (s *Sandbox) removeSocketDir() error {
	if s.state.SocketDir == "" {
		return nil
	}
	if err := os.RemoveAll(s.state.SocketDir); err != nil {
		return fmt.Errorf("removing the folder of the sockets: %w", err)
	}
	s.state.SocketDir = ""
	return nil
}

func (s *Sandbox) socketPath(name string) string {
	if s.state.SocketDir != "" {
		return filepath.Join(s.state.SocketDir, name)
	}
	return filepath.Join(s.opts.Dir, name)
}

// lock locks path for this process, and waits while another process holds it.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the sandbox: %w", err)
	}
	for {
		err := tryLock(f)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("waiting for another command to release %s: %w", path, err)
		}
	}
}

// pause sleeps, or returns the context's error when it ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
