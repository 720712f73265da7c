package hostile_test

import "testing"

// TestDescriptorThatIsFine: what is harmless is built, so that a refusal of the
// tests here means something.
func TestDescriptorThatIsFine(t *testing.T) {
	s := sandboxed(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"extension.toml": descriptor("hostile/fine", ""), "bin/generate": "#!/bin/sh\n"})
	if r := runPlugin(t, dir, s.Env(), "build", "-o", t.TempDir()+"/"); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}
