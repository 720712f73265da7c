package lazyregexp

import "testing"

func TestNew(t *testing.T) {
	r := New("^a+$")
	if !r.Get().MatchString("aa") || r.Get() != r.Get() {
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
