package index

import (
	"context"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
)

// Creation creates an index of existing images.
type Creation struct {
	Client *registry.Client
	// Sources are named as for package source.
	Sources []string
	Read    ReadOptions
	// Annotations are added to the index.
	Annotations map[string]string
}

// Change returns the new index.
func (c *Creation) Change(ctx context.Context, s *Staging, _ *Index) (*Index, error) {
	sources, err := s.Open(ctx, c.Client, c.Sources)
	if err != nil {
		return nil, err
	}
	all, err := ReadSources(ctx, s, sources, c.Sources, c.Read)
	if err != nil {
		return nil, err
	}
	x, err := Merge(all)
	if err != nil {
		return nil, err
	}
	return x, x.Annotate(c.Annotations)
}

// ParsePlatforms parses SOURCE=os/arch[/variant] and returns the platforms by
// source.
func ParsePlatforms(list, sources []string) (map[string]platform.Identity, error) {
	platforms := map[string]platform.Identity{}
	for _, s := range list {
		i := strings.LastIndex(s, "=")
		if i <= 0 {
			return nil, diag.Invalidf("--platform %q is not SOURCE=os/arch[/variant]", s)
		}
		p, err := platform.ParseImage(s[i+1:])
		if err != nil {
			return nil, err
		}
		platforms[s[:i]] = p
	}
	for _, name := range sortedKeys(platforms) {
		found := false
		for _, s := range sources {
			found = found || s == name
		}
		if !found {
			return nil, diag.Invalidf("--platform %s=…: source not found; the sources are %s", name, strings.Join(sources, ", "))
		}
	}
	return platforms, nil
}
