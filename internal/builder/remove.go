package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
)

// Remove removes a builder that Ensure created, with its BuildKit and cache.
// found is false if it does not exist.
func Remove(ctx context.Context, client buildx.Runner, o Options) (found bool, err error) {
	if err := o.Check(); err != nil {
		return false, err
	}
	d := daemon{dir: filepath.Join(o.StateDir, o.Name)}
	if _, err := os.Stat(d.dir); errors.Is(err, fs.ErrNotExist) {
		list, err := buildx.List(ctx, client)
		if err != nil || buildx.Find(list, o.Name) == nil {
			return false, err
		}
		return false, diag.WithHint(diag.Invalidf("the builder %s was not created by docker extpack", o.Name), fmt.Sprintf("docker buildx rm %s removes it", o.Name))
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	// List under the lock: a concurrent ensure or remove would change the
	// result.
	list, err := buildx.List(ctx, client)
	if err != nil {
		return false, err
	}
	have := buildx.Find(list, o.Name)
	e := &ensurer{Options: o, client: client, daemon: d}
	// Another builder of the same name may have been created after ours was
	// removed.
	if have != nil && (have.Driver == buildx.DriverContainer || e.isLocal(have)) {
		var args []string
		if have.Driver == buildx.DriverRemote {
			args = append(args, keepDaemon)
		}
		removeErr := e.remove(ctx, args...)
		if removeErr != nil && !e.forgotten(ctx) {
			return true, fmt.Errorf("removing the builder %s: %w", o.Name, removeErr)
		}
		if removeErr != nil {
			return true, errors.Join(leftBehind(have, removeErr), d.remove(ctx))
		}
	}
	return true, d.remove(ctx)
}

// forgotten reports whether buildx no longer has the builder. It removes one
// even if the container of an unreachable node could not be removed.
func (e *ensurer) forgotten(ctx context.Context) bool {
	list, err := buildx.List(ctx, e.client)
	return err == nil && buildx.Find(list, e.Name) == nil
}

// leftBehind returns the containers of nodes that did not respond.
func leftBehind(b *buildx.Builder, err error) error {
	var places, commands []string
	for _, n := range b.Nodes {
		if b.State(n) == buildx.Unreachable {
			docker := "docker --context " + n.Endpoint
			if strings.Contains(n.Endpoint, "://") {
				docker = "docker --host " + n.Endpoint
			}
			container := "buildx_buildkit_" + n.Name
			places = append(places, fmt.Sprintf("%s at %s%s", n.Name, n.Endpoint, suffix(n.Err)))
			commands = append(commands, fmt.Sprintf("%[1]s rm --force %[2]s && %[1]s volume rm %[2]s_state", docker, container))
		}
	}
	if len(places) == 0 {
		return fmt.Errorf("removing the builder %s: it was removed, but buildx reported: %w", b.Name, err)
	}
	return diag.WithHint(
		fmt.Errorf("removing the builder %s: it was removed, except for the containers of nodes that do not respond: %s", b.Name, strings.Join(places, ", ")),
		"when they respond again, run: "+strings.Join(commands, "; "))
}
