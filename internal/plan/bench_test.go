package plan

import "testing"

func BenchmarkNew(b *testing.B) {
	const dir = "../../examples/platform-roots"
	for b.Loop() {
		if _, _, err := New(b.Context(), []string{dir}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
