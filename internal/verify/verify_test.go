package verify

import "testing"

func TestValidPackage(t *testing.T) {
	if f := validPackage().check(t); len(f) != 0 {
		t.Errorf("findings:\n%s", lines(f))
	}
}
