package exttest

import (
	"testing"

	"github.com/extpack/extpack/internal/extension"
)

// TestWithOr: images of flags are used before those of a descriptor, and a build
// image of a flag replaces its builder image.
func TestWithOr(t *testing.T) {
	t.Parallel()
	own := extension.Test{
		BuilderImage: extension.Entry{Value: "builder"}, RunImage: extension.Entry{Value: "run"}, Lifecycle: extension.Entry{Value: "lifecycle"},
	}
	for _, c := range []struct{ flags, want With }{
		{With{}, With{"builder", "", "run", "lifecycle"}},
		{With{BuilderImage: "other"}, With{"other", "", "run", "lifecycle"}},
		{With{BuildImage: "build", RunImage: "mine"}, With{"", "build", "mine", "lifecycle"}},
	} {
		if got := c.flags.Or(own); got != c.want {
			t.Errorf("%v: %v, want %v", c.flags, got, c.want)
		}
	}
}
