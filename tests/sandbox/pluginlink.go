package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// pluginLink is the docker-buildx plugin of a docker configuration that has no
// other: a link to the buildx of a sandbox. Several clones with one home share
// it, so each that is up leaves a note, and the one that made the link hands it
// on when it goes down.
type pluginLink struct {
	config string // the docker configuration
	dir    string // of the sandbox
	own    string // its buildx
}

func (s *Sandbox) pluginLink(config string) pluginLink {
	return pluginLink{config: config, dir: s.opts.Dir, own: s.bin("buildx")}
}

func (l pluginLink) path() string  { return filepath.Join(l.config, "cli-plugins", "docker-buildx") }
func (l pluginLink) notes() string { return filepath.Join(l.config, "extpack", "sandboxes") }

// note is the file that contains the path of the sandbox's buildx.
func (l pluginLink) note() string {
	sum := sha256.Sum256([]byte(l.dir))
	return filepath.Join(l.notes(), hex.EncodeToString(sum[:8]))
}

// take creates the link, or adds a user to it. It does not change a link to
// anything but a sandbox.
func (l pluginLink) take(ctx context.Context) error {
	if err := errors.Join(os.MkdirAll(l.notes(), 0o755), os.MkdirAll(filepath.Dir(l.path()), 0o755)); err != nil {
		return fmt.Errorf("linking the buildx plugin: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(l.notes(), "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	target, err := os.Readlink(l.path())
	if err == nil && !l.isSandboxes(target) {
		return fmt.Errorf("linking the buildx plugin: repair or remove %s", l.path())
	}
	if err := os.WriteFile(l.note(), []byte(l.own), 0o600); err != nil {
		return fmt.Errorf("linking the buildx plugin: %w", err)
	}
	if _, err := os.Stat(l.path()); err == nil {
		return nil
	}
	return l.pointTo(l.own)
}

// leave releases the link: it is passed to the next user, or removed.
func (l pluginLink) leave(ctx context.Context) error {
	if err := os.MkdirAll(l.notes(), 0o755); err != nil {
		return fmt.Errorf("leaving the buildx plugin: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(l.notes(), "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.Remove(l.note()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("leaving the buildx plugin: %w", err)
	}
	others := l.users()
	if len(others) == 0 {
		defer func() {
			_ = os.RemoveAll(l.notes()) // nothing but the lock and notes of clones that are gone
			_ = os.Remove(filepath.Dir(l.notes()))
		}()
	}
	switch target, err := os.Readlink(l.path()); {
	case err != nil || target != l.own:
		return nil
	case len(others) == 0:
		if err := os.Remove(l.path()); err != nil {
			return fmt.Errorf("removing the buildx plugin link: %w", err)
		}
		return nil
	case others[0] == target:
		return nil
	}
	return l.pointTo(others[0])
}

// pointTo lets the link lead to target, without a moment in which there is none.
func (l pluginLink) pointTo(target string) error {
	next := l.note() + ".link"
	if err := os.Symlink(target, next); err != nil {
		return fmt.Errorf("linking the buildx plugin: %w", err)
	}
	if err := os.Rename(next, l.path()); err != nil {
		return errors.Join(fmt.Errorf("linking the buildx plugin: %w; repair or remove %s", err, l.path()), os.Remove(next))
	}
	return nil
}

// users returns the buildx of every sandbox that has a note and is still there.
func (l pluginLink) users() []string {
	var users []string
	entries, _ := os.ReadDir(l.notes())
	for _, e := range entries {
		if strings.Contains(e.Name(), ".") || e.Name() == "lock" {
			continue
		}
		target, err := os.ReadFile(filepath.Join(l.notes(), e.Name()))
		if err != nil {
			continue
		}
		if _, err := os.Stat(string(target)); err == nil {
			users = append(users, string(target))
		}
	}
	return users
}

// isSandboxes reports whether a buildx is that of a sandbox with a note, also of
// one that was deleted.
func (l pluginLink) isSandboxes(target string) bool {
	if target == l.own {
		return true
	}
	entries, _ := os.ReadDir(l.notes())
	for _, e := range entries {
		if noted, err := os.ReadFile(filepath.Join(l.notes(), e.Name())); err == nil && string(noted) == target {
			return true
		}
	}
	return false
}
