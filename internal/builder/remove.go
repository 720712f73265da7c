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

// Remove takes away a builder that Ensure made, with its BuildKit and cache.
// found is false when there is nothing to take away.
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
		return false, diag.WithHint(diag.Invalidf("the builder %s was not made by docker extpack", o.Name), fmt.Sprintf("docker buildx rm %s removes it", o.Name))
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	// Not before: another command may just make the builder, or remove it.
	list, err := buildx.List(ctx, client)
	if err != nil {
		return false, err
	}
	have := buildx.Find(list, o.Name)
	e := &ensurer{Options: o, client: client, daemon: d}
	// One of the same name may have been made by somebody else after ours went.
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

// forgotten reports whether buildx knows the builder no more. It forgets one
// also when a node could not be asked to take its container away.
func (e *ensurer) forgotten(ctx context.Context) bool {
	list, err := buildx.List(ctx, e.client)
	return err == nil && buildx.Find(list, e.Name) == nil
}

// leftBehind names the containers of nodes that did not answer.
func leftBehind(b *buildx.Builder, err error) error {
	var places, commands []string
	for _, n := range b.Nodes {
		if b.State(n) == buildx.Dead {
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
		return fmt.Errorf("removing the builder %s: it is gone, but buildx says: %w", b.Name, err)
	}
	return diag.WithHint(
		fmt.Errorf("removing the builder %s: it is gone, but the containers of nodes that do not answer are left: %s", b.Name, strings.Join(places, ", ")),
		"when they answer again: "+strings.Join(commands, "; "))
}
