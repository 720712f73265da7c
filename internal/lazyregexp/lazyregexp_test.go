package lazyregexp

import "testing"

func TestNew(t *testing.T) {
	r := New("^a+$")
	first := r.Get()
	if !first.MatchString("aa") || r.Get() != first {
		t.Error("it does not match, or is compiled twice")
	}
}

// TestMistakes: a test finds an expression with a mistake that nothing uses.
func TestMistakes(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a mistake is not found")
		}
	}()
	New("(")
}
