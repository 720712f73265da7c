package builder

import (
	"context"
	"fmt"
	"slices"

	"github.com/extpack/extpack/internal/buildx"
)

// container makes a builder of a BuildKit container in a Docker Engine.
func (e *ensurer) container(ctx context.Context, have *buildx.Builder) error {
	if have == nil {
		n := recipe{name: e.firstNode()}
		config, changed, err := configure(nil, e.Registries)
		if err != nil {
			return err
		}
		if changed {
			n.config = config
		}
		n.share(e.Registries)
		e.takeBack("", func(ctx context.Context) error { return e.remove(ctx) })
		if err := e.createNode(ctx, buildx.DriverContainer, n, false); err != nil {
			return err
		}
		e.Log("created the builder %s, a BuildKit container", e.Name)
		return nil
	}
	return e.recreate(ctx, have)
}

// recreate makes the nodes of a container builder again with another configuration. A
// container takes its configuration when it is made, and buildx 0.37 crashes
// when a node that has none is given one, so the builder is made anew; its
// cache stays.
func (e *ensurer) recreate(ctx context.Context, have *buildx.Builder) error {
	complete := func(n buildx.Node) bool {
		return !slices.ContainsFunc(e.Registries, func(r Registry) bool { return !Knows(n.Files[configFile], r) })
	}
	if !slices.ContainsFunc(have.Nodes, func(n buildx.Node) bool { return !complete(n) }) {
		return nil
	}
	before, err := e.recipes(ctx, have)
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
		_ = e.remove(ctx, "--keep-state") // as far as it got
		return e.createNodes(ctx, before)
	})
	if err := e.remove(ctx, "--keep-state"); err != nil {
		return fmt.Errorf("making the builder %s anew: %w", e.Name, err)
	}
	if err := e.createNodes(ctx, after); err != nil {
		return err
	}
	e.Log("made the builder %s anew with the configuration of the registries; its cache stays", e.Name)
	return nil
}
