package builder

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/loopback"
	"github.com/extpack/extpack/internal/scratch"
)

// recipe is what a node is made with.
type recipe struct {
	name, endpoint string
	platforms      []string
	flags          []string
	opts           map[string]string
	config         []byte
}

// share lets the container reach registries of the machine it is on: its own
// loopback is another.
func (r *recipe) share(registries []Registry) {
	if r.opts["network"] == "" && slices.ContainsFunc(registries, func(r Registry) bool { return loopback.Is(r.Host) }) {
		opts := map[string]string{"network": "host"}
		maps.Copy(opts, r.opts)
		opts["network"] = "host"
		r.opts = opts
	}
}

const configFile = "buildkitd.toml"

// recipes returns what the nodes of a builder were made with. Which platforms
// were fixed then shows in the list that is made for people only, as a star.
func (e *ensurer) recipes(ctx context.Context, b *buildx.Builder) ([]recipe, error) {
	out, err := e.client.Output(ctx, "ls", "--no-trunc", "--format", "{{.Name}}\t{{.Platforms}}")
	if err != nil {
		return nil, fmt.Errorf("listing builders: %w", err)
	}
	fixed := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		name, list, _ := strings.Cut(strings.TrimSpace(line), "\t")
		for p := range strings.SplitSeq(list, ", ") {
			if p, ok := strings.CutSuffix(p, "*"); ok {
				fixed[name] = append(fixed[name], p)
			}
		}
	}
	var recipes []recipe
	for _, n := range b.Nodes {
		for file := range n.Files {
			if file != configFile {
				// Its name is that inside the container; buildx wants the original.
				return nil, diag.WithHint(fmt.Errorf("the node %s has files besides its configuration (%s), which cannot be carried over", n.Name, file),
					fmt.Sprintf("add to its configuration and make it anew yourself: docker buildx rm --keep-state %s, then docker buildx create --buildkitd-config", b.Name))
			}
		}
		recipes = append(recipes, recipe{
			name: n.Name, endpoint: n.Endpoint, platforms: fixed[n.Name],
			flags: n.Flags, opts: n.DriverOpts, config: n.Files[configFile],
		})
	}
	return recipes, nil
}

func (e *ensurer) createNodes(ctx context.Context, nodes []recipe) error {
	for i, n := range nodes {
		if err := e.createNode(ctx, buildx.DriverContainer, n, i > 0); err != nil {
			return err
		}
	}
	return nil
}

func (e *ensurer) createNode(ctx context.Context, driver string, n recipe, add bool) error {
	args := []string{"--node", n.name, "--driver", driver}
	if add {
		args = append([]string{"--append"}, args...)
	}
	if len(n.platforms) > 0 {
		args = append(args, "--platform", strings.Join(n.platforms, ","))
	}
	if len(n.flags) > 0 {
		args = append(args, "--buildkitd-flags", strings.Join(n.flags, " "))
	}
	for _, key := range slices.Sorted(maps.Keys(n.opts)) {
		// buildx reads a line of CSV, in which quotes protect commas.
		args = append(args, "--driver-opt", `"`+strings.ReplaceAll(key+"="+n.opts[key], `"`, `""`)+`"`)
	}
	if len(n.config) > 0 {
		temp, err := scratch.New()
		if err != nil {
			return err
		}
		defer temp.Remove()
		file := filepath.Join(temp.Path, configFile)
		if err := os.WriteFile(file, n.config, 0o600); err != nil {
			return fmt.Errorf("writing buildkitd.toml: %w", err)
		}
		args = append(args, "--buildkitd-config", file)
	}
	if n.endpoint != "" {
		args = append(args, n.endpoint)
	}
	return e.create(ctx, args...)
}
