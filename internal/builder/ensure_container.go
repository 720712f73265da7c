package builder

import (
	"context"
	"fmt"
	"slices"

	"github.com/extpack/extpack/internal/buildx"
)

// container creates a builder with a BuildKit container in a Docker Engine.
func (e *ensurer) container(ctx context.Context, have *buildx.Builder) error {
	if have == nil {
		n := nodeSpec{name: e.firstNode()}
		config, changed, err := configure(nil, e.Registries)
		if err != nil {
			return err
		}
		if changed {
			n.config = config
		}
		n.share(e.Registries)
		e.undoCreation("", func(ctx context.Context) error { return e.remove(ctx) })
		if err := e.createNode(ctx, buildx.DriverContainer, n, false); err != nil {
			return err
		}
		e.Log("created the builder %s, a BuildKit container", e.Name)
		return nil
	}
	return e.recreate(ctx, have)
}

// recreate creates the nodes of a container builder again with another
// configuration. A container reads its configuration when it is created, and
// buildx 0.37 crashes when a configuration is added to a node without one. The
// cache is kept.
func (e *ensurer) recreate(ctx context.Context, have *buildx.Builder) error {
	complete := func(n buildx.Node) bool {
		return !slices.ContainsFunc(e.Registries, func(r Registry) bool { return !Knows(n.Files[configFile], r) })
	}
	if !slices.ContainsFunc(have.Nodes, func(n buildx.Node) bool { return !complete(n) }) {
		return nil
	}
	before, err := e.nodeSpecs(ctx, have)
	if err != nil {
		return err
	}
	after := slices.Clone(before)
	for i := range after {
		config, changed, err := configure(after[i].config, e.Registries)
		if err != nil {
			return err
		}
		if changed {
			after[i].config = config
			after[i].share(e.Registries)
		}
	}
	e.undo = append(e.undo, func(ctx context.Context) error {
		_ = e.remove(ctx, "--keep-state") // undo a partial creation
		return e.createNodes(ctx, before)
	})
	if err := e.remove(ctx, "--keep-state"); err != nil {
		return fmt.Errorf("recreating the builder %s: %w", e.Name, err)
	}
	if err := e.createNodes(ctx, after); err != nil {
		return err
	}
	e.Log("recreated the builder %s with the configuration of the registries; its cache is kept", e.Name)
	return nil
}
