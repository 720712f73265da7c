package e2e_test

import (
	"strings"
	"testing"
)

// TestEverySpellingIsAccepted: what inspect, index and verify print for an image
// names it for index annotate and remove, and so do the older spellings.
func TestEverySpellingIsAccepted(t *testing.T) {
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("acme/distros", "\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"+
			"\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"22.04\"\n\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"),
		"linux/arm64/bin/generate": script, "linux/amd64/ubuntu@22.04/bin/generate": script, "linux/amd64/ubuntu@24.04/bin/generate": script + "\n",
	})
	ref := tag(t, "1")
	mustExtpack(t, dir, "build", "--push", "-t", ref)
	// One image without a distro, told apart by its os.version.
	mustExtpack(t, dir, "index", "annotate", ref, "linux/arm64", "--os-version", "12")
	listed := func() (names []string) {
		_, table, _ := strings.Cut(mustExtpack(t, dir, "inspect", ref), "\nPLATFORM")
		for _, line := range strings.Split(table, "\n")[1:] {
			if name, _, ok := strings.Cut(line, "   "); ok && strings.Contains(name, "/") {
				names = append(names, strings.TrimSpace(name))
			}
		}
		return names
	}
	names := listed()
	if got, want := strings.Join(names, ", "), "linux/arm64 (os.version 12), linux/amd64:ubuntu@22.04, linux/amd64:ubuntu@24.04"; got != want {
		t.Fatalf("inspect lists %s, want %s", got, want)
	}
	older := []string{"linux(12)/arm64", "linux(22.04)/amd64:ubuntu@22.04", "linux(24.04)/amd64:ubuntu@24.04"}
	for i, name := range names {
		for _, spelling := range []string{name, older[i]} {
			mustExtpack(t, dir, "index", "annotate", ref, spelling, "--annotation", "a=b")
		}
	}
	r := extpack(t, dir, "index", "annotate", ref, "linux/amd64", "--annotation", "a=b")
	for _, name := range names[1:] {
		if r.code != 2 || !strings.Contains(r.stderr, name) {
			t.Errorf("exit code %d, want 2 and the name %s: %s", r.code, name, r.stderr)
		}
	}
	single := tag(t, "2")
	mustExtpack(t, dir, "index", "create", "-t", single, "--platform", ref+"@"+listedDigest(t, ref, "linux/arm64")+"="+names[0], ref+"@"+listedDigest(t, ref, "linux/arm64"))
	mustExtpack(t, dir, "index", "remove", ref, names[0])
	mustExtpack(t, dir, "index", "remove", ref, older[2])
	if got := strings.Join(listed(), ", "); got != names[1] {
		t.Errorf("left is %s, want %s", got, names[1])
	}
}

// listedDigest returns the digest of the image that an index lists for a platform.
func listedDigest(t *testing.T, ref, platform string) string {
	t.Helper()
	template := `{{range .Platforms}}{{if eq .Platform "` + platform + `"}}{{.Digest}}{{end}}{{end}}`
	return strings.TrimSpace(mustExtpack(t, t.TempDir(), "inspect", ref, "--format", template))
}
