package builder

import (
	"context"
	"fmt"
	"slices"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
)

// natives adds the missing native nodes to the builder.
func (e *ensurer) natives(ctx context.Context, have *buildx.Builder, driver string) error {
	for _, native := range e.Native {
		name := native.node(e.Name)
		node := nodeSpec{name: name, endpoint: native.Endpoint, platforms: []string{native.Platform}}
		if driver == buildx.DriverContainer {
			var err error
			if node.config, _, err = configure(nil, e.Registries); err != nil {
				return err
			}
		}
		var old *buildx.Node
		if have != nil {
			old = have.Node(name)
		}
		switch {
		case old != nil && old.Endpoint == native.Endpoint && slices.Contains(old.Platforms, native.Platform):
			continue
		case old != nil:
			e.undo = append(e.undo, func(ctx context.Context) error {
				return e.create(ctx, "--node", name, "--driver", driver, old.Endpoint)
			})
			if err := e.create(ctx, "--node", name, "--driver", driver, "--platform", native.Platform, native.Endpoint); err != nil {
				return native.refused(driver, err)
			}
			e.Log("moved the node %s for %s from %s to %s", name, native.Platform, old.Endpoint, native.Endpoint)
		default:
			e.undoCreation(name, func(ctx context.Context) error { return e.create(ctx, "--leave", "--node", name) })
			if err := e.createNode(ctx, driver, node, true); err != nil {
				return native.refused(driver, err)
			}
			e.Log("appended the node %s for %s at %s", name, native.Platform, native.Endpoint)
		}
		e.placed = append(e.placed, name)
	}
	return nil
}

// refused adds a hint about the form of an endpoint, which depends on the
// driver.
func (n Native) refused(driver string, err error) error {
	err = fmt.Errorf("adding %s for %s: %w", n.Endpoint, n.Platform, err)
	if diag.Hint(err) != "" {
		return err
	}
	if driver == buildx.DriverRemote {
		return diag.WithHint(err, "correct --native: its endpoint is the address of a BuildKit, such as tcp://host:1234, unix:///run/buildkit/buildkitd.sock or ssh://user@host")
	}
	return diag.WithHint(err, "correct --native: its endpoint is a Docker Engine, such as ssh://user@host, tcp://host:2376 or the name of a docker context")
}

// verify checks that the finished builder works.
func (e *ensurer) verify(ctx context.Context) error {
	if e.Bootstrap {
		// buildx gives up on an unreachable node after 20 seconds. Pulling the
		// image of BuildKit may take longer.
		if _, err := e.client.Output(ctx, "inspect", "--bootstrap", e.Name); err != nil {
			return buildx.WithSSHHint(fmt.Errorf("starting the builder %s: %w", e.Name, err))
		}
	}
	list, err := buildx.List(ctx, e.client)
	if err != nil {
		return err
	}
	b := buildx.Find(list, e.Name)
	if b == nil {
		return fmt.Errorf("builder %s not found: another command has removed it", e.Name)
	}
	for _, n := range b.Nodes {
		if b.State(n) == buildx.Unreachable {
			hint := fmt.Sprintf("start the daemon there, or remove the node: docker buildx create --leave --name %s --node %s", e.Name, n.Name)
			if slices.Contains(e.placed, n.Name) {
				hint = "start the daemon there, or correct --native" // the node will be removed
			}
			return diag.WithHint(fmt.Errorf("the node %s of the builder %s at %s does not respond%s", n.Name, e.Name, n.Endpoint, suffix(n.Err+b.Err)), hint)
		}
	}
	return nil
}

func suffix(f buildx.Fault) string {
	if f == "" {
		return ""
	}
	return ": " + f.String()
}

func (e *ensurer) use(ctx context.Context) error {
	list, err := buildx.List(ctx, e.client)
	if err != nil {
		return err
	}
	if b := buildx.Find(list, ""); b != nil && b.Name == e.Name {
		return nil
	}
	if _, err := e.client.Output(ctx, "use", e.Name); err != nil {
		return fmt.Errorf("selecting the builder %s: %w", e.Name, err)
	}
	e.changed = true
	e.Log("selected the builder %s", e.Name)
	return nil
}
