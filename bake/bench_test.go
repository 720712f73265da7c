package bake

import (
	"testing"

	"github.com/extpack/extpack/internal/plan"
)

func BenchmarkFile(b *testing.B) {
	p, _, err := plan.New(b.Context(), []string{"../examples/platform-roots"}, plan.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := File(p, ".", FileOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
