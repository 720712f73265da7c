package builder

import (
	"context"
	"fmt"
	"slices"

	"github.com/extpack/extpack/internal/diag"
)

// natives appends the native nodes that the builder does not have.
func (e *ensurer) natives(ctx context.Context, have *Builder, driver string) error {
	for _, native := range e.Native {
		name := native.node(e.Name)
		node := recipe{name: name, endpoint: native.Endpoint, platforms: []string{native.Platform}}
		if driver == DriverContainer {
			var err error
			if node.config, _, err = configure(nil, e.Registries); err != nil {
				return err
			}
		}
		var old *Node
		if have != nil {
			old = have.Node(name)
		}
		switch {
		case old != nil && old.Endpoint == native.Endpoint && slices.Contains(old.Platforms, native.Platform):
			continue
		case old != nil:
			if err := e.create(ctx, "--node", name, "--driver", driver, "--platform", native.Platform, native.Endpoint); err != nil {
				return err
			}
			e.undo = append(e.undo, func(ctx context.Context) error {
				return e.create(ctx, "--node", name, "--driver", driver, old.Endpoint)
			})
			e.Log("moved the node %s for %s from %s to %s", name, native.Platform, old.Endpoint, native.Endpoint)
		default:
			if err := e.createNode(ctx, driver, node, true); err != nil {
				return err
			}
			e.undo = append(e.undo, func(ctx context.Context) error { return e.create(ctx, "--leave", "--node", name) })
			e.Log("appended the node %s for %s at %s", name, native.Platform, native.Endpoint)
		}
	}
	return nil
}

// verify asks the finished builder whether it works.
func (e *ensurer) verify(ctx context.Context) error {
	if e.Bootstrap {
		// buildx gives up on a dead node after 20 seconds; pulling the image of
		// BuildKit takes what it takes.
		if _, err := e.buildx.Output(ctx, "inspect", "--bootstrap", e.Name); err != nil {
			return withSSHHint(fmt.Errorf("starting the builder %s: %w", e.Name, err))
		}
	}
	list, err := List(ctx, e.buildx)
	if err != nil {
		return err
	}
	b := Find(list, e.Name)
	if b == nil {
		return fmt.Errorf("the builder %s is gone: somebody removed it meanwhile", e.Name)
	}
	for _, n := range b.Nodes {
		if b.State(n) == Dead {
			return diag.WithHint(fmt.Errorf("the node %s of the builder %s at %s does not answer%s", n.Name, e.Name, n.Endpoint, suffix(string(n.Err+b.Err))),
				fmt.Sprintf("start what listens there, or take the node out: docker buildx create --leave --name %s --node %s", e.Name, n.Name))
		}
	}
	return nil
}

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func (e *ensurer) use(ctx context.Context) error {
	list, err := List(ctx, e.buildx)
	if err != nil {
		return err
	}
	if b := Find(list, ""); b != nil && b.Name == e.Name {
		return nil
	}
	if _, err := e.buildx.Output(ctx, "use", e.Name); err != nil {
		return fmt.Errorf("selecting the builder %s: %w", e.Name, err)
	}
	e.changed = true
	e.Log("selected the builder %s", e.Name)
	return nil
}
