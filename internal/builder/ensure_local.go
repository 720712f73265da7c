package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
)

// local creates a builder with a BuildKit daemon on this machine.
func (e *ensurer) local(ctx context.Context, have *buildx.Builder) error {
	if have != nil && !e.isLocal(have) {
		return e.foreign(have)
	}
	old, err := os.ReadFile(e.daemon.config())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the configuration of BuildKit: %w", err)
	}
	if old == nil {
		old = []byte{} // an empty file
	}
	config, _, err := configure(old, e.Registries)
	if err != nil {
		return diag.WithHint(err, "repair or remove "+e.daemon.config())
	}
	if err := e.binfmt(ctx); err != nil {
		return err
	}
	started, err := e.daemon.ensure(ctx, config)
	if err != nil {
		return err
	}
	if started {
		e.changed = true
		e.Log("started BuildKit for the builder %s at %s", e.Name, e.daemon.endpoint())
	}
	if have != nil {
		e.undo = append(e.undo, func(ctx context.Context) error {
			_, err := e.daemon.ensure(ctx, old) // does nothing if it is running with that configuration
			return err
		})
		return nil
	}
	if started {
		e.undo = append(e.undo, e.daemon.stop)
	}
	e.undoCreation("", func(ctx context.Context) error { return e.remove(ctx, keepDaemon) })
	if err := e.create(ctx, "--node", e.firstNode(), "--driver", buildx.DriverRemote, e.daemon.endpoint()); err != nil {
		return err
	}
	e.Log("created the builder %s", e.Name)
	return nil
}

// binfmt registers the emulators with the kernel of this machine. A daemon that
// runs is stopped, because BuildKit looks for them when it starts.
func (e *ensurer) binfmt(ctx context.Context) error {
	if !e.Binfmt {
		return nil
	}
	if os.Geteuid() != 0 {
		return errBinfmt("root is required; without root rights, emulators are registered for the builder only, on Linux 6.7 or newer")
	}
	added, err := e.daemon.registerHandlers()
	if !added {
		return err
	}
	e.undo = append(e.undo, e.daemon.unregisterHandlers)
	if err != nil {
		return err
	}
	e.changed = true
	e.Log("registered QEMU with the kernel of this machine; --remove undoes that")
	return e.daemon.stop(ctx)
}

func (e *ensurer) isLocal(b *buildx.Builder) bool {
	return slices.ContainsFunc(b.Nodes, func(n buildx.Node) bool { return n.Endpoint == e.daemon.endpoint() })
}

// foreign checks a builder with a BuildKit that docker extpack does not manage
// and cannot repair.
func (e *ensurer) foreign(have *buildx.Builder) error {
	for _, n := range have.Nodes {
		if have.State(n) == buildx.Unreachable {
			return diag.WithHint(fmt.Errorf("the builder %s points to %s, which does not respond and was not started by docker extpack", e.Name, n.Endpoint),
				fmt.Sprintf("start it, or remove the builder: docker buildx rm %s", e.Name))
		}
	}
	if snippet := Snippet(e.Registries); snippet != "" {
		return diag.WithHint(fmt.Errorf("the builder %s points to a BuildKit that was not started by docker extpack and cannot be configured from here", e.Name),
			"add to its buildkitd.toml and restart it: "+snippet)
	}
	return nil
}
