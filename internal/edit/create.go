package edit

import (
	"context"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/diag"
)

// Creation is a new index of images that exist.
type Creation struct {
	Options
	// Sources are named as for package source.
	Sources []string
	Take    TakeOptions
	// Annotations are added to the index.
	Annotations map[string]string
	Targets
}

// Run makes the index and writes it: files first, then, when all is well, tags,
// which must not have moved meanwhile.
func (c *Creation) Run(ctx context.Context) (*Result, error) {
	unlock, err := atomicfile.Lock(ctx, slices.Concat(c.Files, c.Dirs)...)
	if err != nil {
		return nil, err
	}
	defer unlock()
	expected := tagsNow(ctx, c.Options, c.Tags)
	o := NewOverlay()
	defer o.Close()
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
	if err := x.Annotate(c.Annotations); err != nil {
		return nil, err
	}
	r, err := finish(ctx, c.Options, o, x)
	if err != nil || c.DryRun {
		return r, err
	}
	return r, r.write(ctx, c.Options, o, x, c.Targets, expected)
}

// ParsePlatforms reads SOURCE=os/arch[/variant] for sources, by name.
func ParsePlatforms(list, sources []string) (map[string]v1.Platform, error) {
	platforms := map[string]v1.Platform{}
	for _, s := range list {
		i := strings.LastIndex(s, "=")
		if i <= 0 {
			return nil, diag.Invalidf("", "--platform %q is not SOURCE=os/arch[/variant]", s)
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
			return nil, diag.Invalidf("", "--platform %s=…: there is no such source; there are %s", name, strings.Join(sources, ", "))
		}
	}
	return platforms, nil
}
