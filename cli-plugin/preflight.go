package cliplugin

import (
	"context"

	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/registry"
)

// preflight tries the registries that a build with a build stage is published
// to, so that a missing login does not fail the run after the build.
func (r *buildRun) preflight(ctx context.Context) error {
	tried := map[string]bool{}
	for _, e := range r.plan.Extensions {
		if !e.NeedsBuild() {
			continue
		}
		for _, d := range r.destinations[e] {
			client, tags := publishes(d.Destination)
			for _, tag := range tags {
				if tried[tag.RepositoryName()] {
					continue
				}
				tried[tag.RepositoryName()] = true
				if err := client.Preflight(ctx, tag); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// publishes returns the tags that a destination writes, none if it is no
// registry.
func publishes(d pipeline.Destination) (*registry.Client, []registry.Reference) {
	switch d := d.(type) {
	case pipeline.Registry:
		return d.Client, d.Tags
	case pipeline.Append:
		return d.Client, d.Tags
	}
	return nil, nil
}
