package e2e_test

import (
	"strings"
	"testing"
)

// TestLintOnline asks the registry for what files cannot say: whether a run image
// has every platform, and which versions are published.
func TestLintOnline(t *testing.T) {
	t.Parallel()
	base := tag(t, "run")
	runImage(t, base, "linux/amd64")
	repository := strings.TrimSuffix(tag(t, "x"), ":x") + "-package"
	dir := extensionDir(t, map[string]string{
		"extension.toml":          descriptor("e2e/online", linuxTargets) + "[metadata.extpack]\nimage = \"" + repository + "\"\n",
		"detect/plan.toml":        "",
		"generate/run.Dockerfile": "FROM " + base + "\n",
	})
	if r := extpack(t, dir, "lint"); r.code != 0 || strings.Contains(r.stdout, "warning: version") {
		t.Errorf("offline: %+v", r)
	}
	r := extpack(t, dir, "lint", "--online")
	if r.code != 2 || !strings.Contains(r.stdout, "generate/run.Dockerfile:1:1: error: ") || !strings.Contains(r.stdout, "linux/arm64") || !strings.Contains(r.stdout, "[run-image-platform]") {
		t.Errorf("online: %+v", r)
	}
	if strings.Contains(r.stdout, "[version-published]") {
		t.Errorf("nothing to publish:\n%s", r.stdout)
	}
	mustExtpack(t, dir, "build", "--push")
	if r := extpack(t, dir, "lint", "--online"); !strings.Contains(r.stdout, "extension.toml: warning: version 1.2.3 is already published in "+repository+" [version-published]") {
		t.Errorf("published: %+v", r)
	}
	// A package was published, and its run image is incomplete.
	mustExtpack(t, dir, "build", "--engine", "embedded", "-o", "x.cnb")
	for _, name := range []string{repository + ":1.2.3", "x.cnb"} {
		r := extpack(t, dir, "lint", "--online", name)
		if r.code != 2 || strings.Count(r.stdout, "[run-image-platform]") != 1 || !strings.Contains(r.stdout, "generate/run.Dockerfile:1:1: error: ") || !strings.Contains(r.stdout, "linux/arm64") {
			t.Errorf("online: %+v", r)
		}
		if r := extpack(t, dir, "lint", name); r.code != 0 {
			t.Errorf("offline: %+v", r)
		}
	}
	if r := extpack(t, dir, "lint", tag(t, "gone")); r.code != 1 {
		t.Errorf("a package that is not there: %+v", r)
	}
}

// TestLintPackage finds in each platform's layer what is wrong there.
func TestLintPackage(t *testing.T) {
	dir := extensionDir(t, map[string]string{
		"extension.toml":                        descriptor("e2e/layers", linuxTargets),
		"linux/amd64/generate/build.Dockerfile": "ARG base_image\nFROM ${base_image}\n",
		"linux/arm64/generate/build.Dockerfile": "ARG base_image\nFROM ${base_image}\nCMD x\n",
	})
	ref := tag(t, "1")
	mustExtpack(t, dir, "build", "--push", "-t", ref)
	r := extpack(t, dir, "lint", ref)
	if want := ref + ": generate/build.Dockerfile:3:1: warning: CMD is not recommended (linux/arm64) [dockerfile-instruction]\n"; r.code != 0 || !strings.Contains(r.stdout, want) {
		t.Errorf("want %q, got %+v", want, r)
	}
	if got := verifyJSON(t, 0, ref); len(got.Findings) != 1 || got.Findings[0].ID != "dockerfile-instruction" || got.Findings[0].Platform != "linux/arm64" {
		t.Errorf("verify: %+v", got.Findings)
	}
}
