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

// nodeSpec is the configuration that a node is created with.
type nodeSpec struct {
	name, endpoint string
	platforms      []string
	flags          []string
	opts           map[string]string
	config         []byte
}

// share uses the network of the host, so that the container reaches registries
// on the host's loopback.
func (r *nodeSpec) share(registries []Registry) {
	if r.opts["network"] == "" && slices.ContainsFunc(registries, func(r Registry) bool { return loopback.Is(r.Host) }) {
		opts := map[string]string{"network": "host"}
		maps.Copy(opts, r.opts)
		opts["network"] = "host"
		r.opts = opts
	}
}

const configFile = "buildkitd.toml"

// nodeSpecs returns the configurations that the nodes of a builder were created
// with. Platforms that were set then are only marked in the human-readable
// list, with a star.
func (e *ensurer) nodeSpecs(ctx context.Context, b *buildx.Builder) ([]nodeSpec, error) {
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
	var specs []nodeSpec
	for _, n := range b.Nodes {
		for file := range n.Files {
			if file != configFile {
				// Its name is that inside the container; buildx requires the
				// original one.
				return nil, diag.WithHint(fmt.Errorf("the node %s has files besides its configuration (%s), which cannot be preserved", n.Name, file),
					fmt.Sprintf("add to its configuration and recreate it: docker buildx rm --keep-state %s, then docker buildx create --buildkitd-config", b.Name))
			}
		}
		specs = append(specs, nodeSpec{
			name: n.Name, endpoint: n.Endpoint, platforms: fixed[n.Name],
			flags: n.Flags, opts: n.DriverOpts, config: n.Files[configFile],
		})
	}
	return specs, nil
}

func (e *ensurer) createNodes(ctx context.Context, nodes []nodeSpec) error {
	for i, n := range nodes {
		if err := e.createNode(ctx, buildx.DriverContainer, n, i > 0); err != nil {
			return err
		}
	}
	return nil
}

func (e *ensurer) createNode(ctx context.Context, driver string, n nodeSpec, add bool) error {
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
		// buildx parses a line of CSV, in which commas must be quoted.
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
