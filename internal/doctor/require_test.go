package doctor

import (
	"slices"
	"testing"

	"github.com/extpack/extpack/internal/plan"
)

// Require finds what a build pulls, runs and publishes.
func TestRequire(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]struct {
		compiles  bool
		pulls     []string
		platforms int
	}{
		"../../examples/compiled": {true, []string{"docker.io"}, 5},
		"../../examples/hello":    {false, nil, 4},
	} {
		p, _, err := plan.New(t.Context(), []string{dir}, plan.Options{Tags: []string{"localhost:1/a/b:1"}, Push: true})
		if err != nil {
			t.Fatal(err)
		}
		e := p.Extensions[0]
		asked := linux("amd64")
		got, err := require(e, asked)
		if err != nil || got.Name != e.Descriptor.Info.String() || got.Compiles != want.compiles || !slices.Equal(got.Pulls, want.pulls) ||
			len(got.Platforms) != want.platforms || len(got.Asked) != 1 || len(got.Tags) != 1 || got.Tags[0].Host() != "localhost:1" {
			t.Errorf("%s: got %+v, %v", dir, got, err)
		}
		if len(got.Runs) > 0 {
			t.Errorf("%s: runs programs on %v, and nothing is emulated", dir, got.Runs)
		}
		e.Tags = []string{"no tag"}
		if got, err := require(e, asked); err == nil {
			t.Errorf("%s: got %+v", dir, got)
		}
	}
}
