package edit

import (
	"context"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registry"
)

// Creation is a new index of images that exist.
type Creation struct {
	Client *registry.Client
	// Sources are named as for package source.
	Sources []string
	Take    TakeOptions
	// Annotations are added to the index.
	Annotations map[string]string
}

// Change makes the index.
func (c *Creation) Change(ctx context.Context, o *Overlay, _ *Index) (*Index, error) {
	sources, err := o.Open(ctx, c.Client, c.Sources)
	if err != nil {
		return nil, err
	}
	all, err := TakeAll(ctx, o, sources, c.Sources, c.Take)
	if err != nil {
		return nil, err
	}
	x, err := JoinAll(all)
	if err != nil {
		return nil, err
	}
	return x, x.Annotate(c.Annotations)
}

// ParsePlatforms reads SOURCE=os/arch[/variant] for sources, by name.
func ParsePlatforms(list, sources []string) (map[string]v1.Platform, error) {
	platforms := map[string]v1.Platform{}
	for _, s := range list {
		i := strings.LastIndex(s, "=")
		if i <= 0 {
			return nil, diag.Invalidf("--platform %q is not SOURCE=os/arch[/variant]", s)
		}
		p, err := ParsePlatform(s[i+1:])
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
			return nil, diag.Invalidf("--platform %s=…: there is no such source; there are %s", name, strings.Join(sources, ", "))
		}
	}
	return platforms, nil
}
