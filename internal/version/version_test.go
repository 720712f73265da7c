package version

import "testing"

func TestGet(t *testing.T) {
	v, r := Version, Revision
	t.Cleanup(func() { Version, Revision = v, r })

	Version, Revision = "", ""
	if version, _ := Get(); version == "" {
		t.Error("a binary that does not know its version must say so")
	}
	Version, Revision = "v1.2.3", "abc"
	if version, revision := Get(); version != "v1.2.3" || revision != "abc" {
		t.Errorf("got %q %q: the build's word counts", version, revision)
	}
}
