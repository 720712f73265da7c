//go:build engine

package engine_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/moby/client"
)

// TestPull builds a stage whose base image has a new digest since the engine
// pulled it. The engine uses the image that it has, except with --pull. A separate
// BuildKit daemon has no such images.
func TestPull(t *testing.T) {
	base, ref := tag(t, "base"), tag(t, "1")
	publishBase := func(text string) {
		extpack(t, world.modern, extension(t, "pull/base", text), "build", "--engine", "embedded", "--push", "--force", "--allow-overwrite", "-t", base, ".")
	}
	stage := func(key string) string {
		dir := t.TempDir()
		for name, content := range map[string]string{
			"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"pull/stage\"\nversion = \"1.2.3\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n" +
				"[metadata.extpack.build]\nstage = \"out\"\n" + key,
			"Dockerfile": "FROM " + base + " AS base\nFROM scratch AS out\nCOPY --from=base /cnb/extensions/pull_base/1.2.3/bin/detect /bin/generate\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	build := func(dir string, args ...string) string {
		extpack(t, world.modern, dir, append([]string{"build", "--push", "--allow-overwrite", "-t", ref, "."}, args...)...)
		return published(t, ref)
	}
	publishBase("old")
	pulled, err := api(t, world.modern).ImagePull(t.Context(), base, client.ImagePullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, pulled); err != nil {
		t.Fatal(err)
	}
	pulled.Close()
	plain, key := stage(""), stage("pull = true\n")
	before, keyed := build(plain), build(key)
	publishBase("new")
	if got := build(plain); got != before {
		t.Error("the engine looks up an image that it has")
	}
	after := build(plain, "--pull")
	if after == before {
		t.Error("--pull does not look up an image")
	}
	if build(key) == keyed {
		t.Error("the key pull does not look up an image")
	}
	if got := build(plain); got != before {
		t.Error("without --pull, the engine does not build with the image that it has again")
	}
	if got := build(plain, "--builder", world.Builder()); got != after {
		t.Errorf("a separate daemon makes %s, want %s", got, after)
	}
}
