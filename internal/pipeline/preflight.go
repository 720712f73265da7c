package pipeline

import (
	"context"

	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
)

// Preflight tries the registries that a build with a build stage is published
// to, so that a missing login does not fail the run after the build.
func Preflight(ctx context.Context, p *plan.Plan, places Places) error {
	tried := map[string]bool{}
	for _, e := range p.Extensions {
		if !e.NeedsBuild() {
			continue
		}
		for _, d := range places[e] {
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
func publishes(d Destination) (*registry.Client, []registry.Reference) {
	switch d := d.(type) {
	case Registry:
		return d.Client, d.Tags
	case Append:
		return d.Client, d.Tags
	}
	return nil, nil
}
