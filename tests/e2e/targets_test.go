package e2e_test

import (
	"strings"
	"testing"
)

// TestPacksTargetForm: the versions of a distro may be separated as in pack.
func TestPacksTargetForm(t *testing.T) {
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/distros", ""), "bin/detect": script})
	comma, packs := tag(t, "comma"), tag(t, "pack")
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", comma, "--target", "linux/amd64:ubuntu@22.04,24.04")
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", packs, "--target", "linux/amd64:ubuntu@22.04@24.04")
	if a, b := fetch(t, comma), fetch(t, packs); a.digest != b.digest || len(a.images) != 1 || a.images[0].platform() != "linux/amd64" {
		t.Errorf("one form makes %s, the other %s", a.digest, b.digest)
	}
}

// TestMisnamedPlatformFolder: a folder with a misspelled platform is an error of
// every command if a target has that platform, else a warning.
func TestMisnamedPlatformFolder(t *testing.T) {
	for folder, meant := range map[string]string{"linux/amd46": "linux/amd64", "linux/armv7": "linux/arm/v7", "linux-amd64": "linux/amd64", "Linux/amd64": "linux/amd64", "amd64": "linux/amd64"} {
		files := map[string]string{"extension.toml": descriptor("e2e/slip", ""), "bin/detect": script, folder + "/bin/detect": script}
		dir := extensionDir(t, files)
		hint := folder + ": warning: is not a platform folder (did you mean " + meant + "?)"
		if r := extpack(t, t.TempDir(), "build", dir, "--engine", "embedded", "-o", "x.cnb"); r.code != 0 || !strings.Contains(r.stderr, hint) {
			t.Errorf("%s: exit code %d\n%s", folder, r.code, r.stderr)
		}
		for _, args := range [][]string{
			{"build", dir, "--target", meant, "-o", "x.cnb"},
			{"build", dir, "--target", meant, "-o", "x.cnb", "--engine", "embedded"},
			{"bake", dir, "--target", meant, "-o", "-"},
		} {
			r := extpack(t, t.TempDir(), args...)
			if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, folder+": is not a platform folder, and "+meant+" has none (did you mean "+meant+"?)") {
				t.Errorf("%s: %v: exit code %d\n%s", folder, args, r.code, r.stderr)
			}
		}
	}
}
