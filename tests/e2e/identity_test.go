package e2e_test

import (
	"cmp"
	"path/filepath"
	"strings"
	"testing"
)

// TestEverySpellingIsAccepted: what inspect, index and verify print for an image
// names it for index annotate and remove, and so do the older spellings.
func TestEverySpellingIsAccepted(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("acme/distros", "\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"+
			"\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"22.04\"\n\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"),
		"linux/arm64/bin/generate": script, "linux/amd64/ubuntu@22.04/bin/generate": script, "linux/amd64/ubuntu@24.04/bin/generate": script + "\n",
	})
	ref := tag(t, "1")
	mustExtpack(t, dir, "build", "--push", "-t", ref)
	// One image without a distro, which only its os.version distinguishes.
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

// TestEverySpellingEverywhere passes each spelling of one image to each flag and
// argument that takes a platform.
func TestEverySpellingEverywhere(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("acme/distros", "\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"+
			"\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"22.04\"\n\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"),
		"linux/arm64/bin/generate": script, "linux/amd64/ubuntu@22.04/bin/generate": script, "linux/amd64/ubuntu@24.04/bin/generate": script + "\n",
	})
	const image = "linux/amd64:ubuntu@24.04"
	work := t.TempDir()
	mustExtpack(t, work, "build", dir, "--engine", "embedded", "-q", "-o", "all.cnb")
	all := readFile(t, filepath.Join(work, "all.cnb"))
	mustExtpack(t, work, "build", dir, "--engine", "embedded", "-q", "-o", "one/", "--target", image, "--single")
	for _, spelling := range []string{image, image + " (os.version 24.04)", "linux(24.04)/amd64:ubuntu@24.04", "linux(24.04+feature)/amd64:ubuntu@24.04"} {
		for _, tt := range []struct {
			args []string
			// writes is a package, in which the images that are listed have an
			// annotation a=b or are all that is left.
			writes, lists string
		}{
			{[]string{"build", dir, "--engine", "embedded", "-o", "one.cnb", "--target", spelling}, "one.cnb", "linux/amd64"},
			{[]string{"build", dir, "--engine", "embedded", "-o", "noted.cnb", "--annotation", "manifest-descriptor[" + spelling + "]:a=b"}, "noted.cnb", image},
			{[]string{"annotate", "all.cnb", "-o", "noted.cnb", "--annotation", "manifest-descriptor[" + spelling + "]:a=b"}, "noted.cnb", image},
			{[]string{"index", "annotate", "all.cnb", "--annotation", "manifest-descriptor[" + spelling + "]:a=b"}, "all.cnb", image},
			{[]string{"index", "annotate", "all.cnb", spelling, "--annotation", "a=b"}, "all.cnb", image},
			{[]string{"index", "remove", "all.cnb", spelling}, "all.cnb", "linux/arm64, linux/amd64:ubuntu@22.04"},
			{[]string{"index", "create", "-o", "named.cnb", "--platform", "./one=" + spelling, "./one"}, "named.cnb", image},
			{[]string{"package", "packed.cnb", "--path", dir, "--format", "file", "--target", spelling}, "packed.cnb", "linux/amd64"},
			{[]string{"bake", dir, "-o", "-", "--target", spelling, "--annotation", "manifest[" + spelling + "]:a=b"}, "", ""},
			{[]string{"run-image", "all.cnb", "--platform", spelling}, "", ""},
			{[]string{"init", "--yes", "--force", "--target", spelling, "new"}, "", ""},
		} {
			writeFile(t, filepath.Join(work, "all.cnb"), string(all))
			if r := extpack(t, work, tt.args...); r.code != 0 {
				t.Errorf("%q: exit code %d\n%s", tt.args, r.code, r.stderr)
				continue
			}
			if tt.writes == "" {
				continue
			}
			noted, left := annotatedImages(t, work, tt.writes)
			if got := cmp.Or(noted, left); got != tt.lists {
				t.Errorf("%q: got %q, want %q", tt.args, got, tt.lists)
			}
		}
	}
}

// annotatedImages returns the images of a package that have an annotation a=b, and
// all of them.
func annotatedImages(t *testing.T, dir, name string) (noted, all string) {
	t.Helper()
	const template = `{{range .Platforms}}{{.Platform}}{{with .DistroName}}:{{.}}@{{end}}{{.DistroVersion}}={{.Annotations.a}}{{"\n"}}{{end}}`
	var some, names []string
	for line := range strings.Lines(mustExtpack(t, dir, "inspect", name, "--format", template)) {
		image, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if image == "" {
			continue
		}
		names = append(names, image)
		if value == "b" {
			some = append(some, image)
		}
	}
	return strings.Join(some, ", "), strings.Join(names, ", ")
}

// listedDigest returns the digest of the image that an index lists for a platform.
func listedDigest(t *testing.T, ref, platform string) string {
	t.Helper()
	template := `{{range .Platforms}}{{if eq .Platform "` + platform + `"}}{{.Digest}}{{end}}{{end}}`
	return strings.TrimSpace(mustExtpack(t, t.TempDir(), "inspect", ref, "--format", template))
}
