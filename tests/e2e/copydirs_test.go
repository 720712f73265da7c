package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// copyStep matches the first line of progress of a step that copies into a
// package.
var copyStep = regexp.MustCompile(`(?m)^#\d+ \[.*\] COPY .*$`)

// TestCopiedOnce builds every shape of static extension in one run, in three
// ways that must agree: a single COPY of their directories that docker extpack
// divides, a bake target for each, and without a builder.
func TestCopiedOnce(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	var dirs []string
	add := func(dir string) {
		name := fmt.Sprintf("extension-%d", len(dirs))
		if err := os.Rename(dir, filepath.Join(work, name)); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, name)
	}
	for _, name := range []string{"hello", "platform-roots"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.CopyFS(dir, os.DirFS(example(name))); err != nil {
			t.Fatal(err)
		}
		add(dir)
	}
	for _, name := range slices.Sorted(maps.Keys(contentCases)) {
		add(awkwardExtension(t, strings.ReplaceAll(contentCases[name], "e2e/content", fmt.Sprintf("e2e/content%d", len(dirs)))))
	}
	for id, toml := range map[string]string{
		"e2e/any": "",
		"e2e/distros": "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets.distros]]\nname = \"u\"\nversion = \"1\"\n" +
			"[[targets.distros]]\nname = \"u\"\nversion = \"2\"\n[[targets]]\nos = \"windows\"\narch = \"amd64\"\n",
		"e2e/ignored": linuxTargets,
	} {
		dir := extensionDir(t, map[string]string{
			"extension.toml": descriptor(id, toml),
			".dockerignore":  "# rules\n/docs\n*.log\n**/secret\n!keep.log\n../extension-0\n.\n\\#odd\n",
			"bin/generate":   script + "# " + id, "keep.log": "k", "drop.log": "d", "docs/x": "x", "a/b/secret": "s", "#odd": "o",
			"linux/amd64/u@2/bin/generate": script, "package.cnb": "old", ".git/HEAD": "ref", "docker-bake.hcl": "x", "a/docker-bake.hcl": "x",
		})
		if id != "e2e/distros" {
			if err := os.RemoveAll(filepath.Join(dir, "linux")); err != nil {
				t.Fatal(err)
			}
		}
		add(dir)
	}
	// A hard link from one extension to another.
	if err := os.Link(filepath.Join(work, dirs[0], "extension.toml"), filepath.Join(work, dirs[1], "linked.toml")); err != nil {
		t.Fatal(err)
	}

	published := func(way string, args ...string) (map[string]string, string) {
		args = append(append([]string{"build", "--force", "--push", "-t", world.Registry() + "/" + way + "/{{.Slug}}:1"}, args...), dirs...)
		r := extpack(t, work, args...)
		if r.code != 0 {
			t.Fatalf("%s: exit code %d\n%s", way, r.code, r.stderr)
		}
		digests := map[string]string{}
		for line := range strings.Lines(r.stdout) {
			ref, digest, _ := strings.Cut(strings.TrimSpace(line), "@")
			digests[strings.TrimPrefix(ref, world.Registry()+"/"+way+"/")] = digest
		}
		return digests, r.stderr
	}
	once, progress := published("once", "--progress", "plain")
	if steps := copyStep.FindAllString(progress, -1); len(steps) != 1 {
		t.Errorf("BuildKit copied in %d steps, want 1:\n%s", len(steps), strings.Join(steps, "\n"))
	}
	if len(once) != len(dirs) {
		t.Fatalf("published %d packages, want %d: %v", len(once), len(dirs), once)
	}
	each, progress := published("each", "--progress", "plain", "--set", "*.args.NOTHING=1")
	if steps := copyStep.FindAllString(progress, -1); len(steps) < len(dirs) {
		t.Errorf("targets copied in %d steps, want one each", len(steps))
	}
	embedded, _ := published("none", "--engine", "embedded")
	for name, want := range once {
		if each[name] != want || embedded[name] != want {
			t.Errorf("%s: copied once %s, a target each %s, without a builder %s", name, want, each[name], embedded[name])
		}
	}
}
