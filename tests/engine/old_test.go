//go:build engine

package engine_test

import (
	"strings"
	"testing"
)

// TestOldStoreCopies: static extensions are only copied by the builder, which
// needs no image store.
func TestOldStoreCopies(t *testing.T) {
	dir := extension(t, "samples/old", t.Name())
	for _, flags := range [][]string{{"-o", "x.cnb"}, {"-q", "--load", "--target", "linux/amd64"}} {
		if r := on(t, world.old, dir, world.plugin, append([]string{"build", "."}, flags...)...); r.code != 0 {
			t.Errorf("%v: exit code %d, stderr:\n%s", flags, r.code, r.stderr)
		}
	}
}

// TestOldStoreCannotBuild: a bake target for each extension, as an override needs,
// is refused with a sentence and a way out below buildx's lines.
func TestOldStoreCannotBuild(t *testing.T) {
	dir := extension(t, "samples/old", t.Name())
	const want = "\nERROR: building: the builder is a Docker Engine without the containerd image store, which cannot export images; buildx's own message is above\n" +
		`  turn the store on with "features": {"containerd-snapshotter": true} in the engine's daemon.json (Docker Desktop: Settings, General), ` +
		`or run "docker extpack builder ensure" and add --builder extpack; extensions that are not compiled need no builder with --engine embedded` + "\n"
	for _, flags := range [][]string{{"-o", "x.cnb"}, {"--load"}, {"--push", "-t", tag(t, "1")}, {"-q", "--load", "--target", "linux/amd64"}} {
		r := on(t, world.old, dir, world.plugin, append([]string{"build", ".", "--set", "*.args.A=1"}, flags...)...)
		if r.code != 1 || r.stdout != "" || !strings.HasSuffix(r.stderr, want) {
			t.Errorf("%v: exit code %d, stdout %q, stderr:\n%s", flags, r.code, r.stdout, r.stderr)
		}
	}
}

// TestOldStoreWithoutABuilder takes the way out.
func TestOldStoreWithoutABuilder(t *testing.T) {
	r := extpack(t, world.old, extension(t, "samples/embedded", t.Name()), "build", "-q", "--load", "--engine", "embedded", ".")
	if got := image(t, world.old, "samples/embedded:1.2.3"); r.stdout != "samples/embedded:1.2.3\n" || got.Architecture != "amd64" {
		t.Errorf("stdout is %q, the engine has %+v", r.stdout, got)
	}
}

// TestOldStoreKeepsOnePlatform loads what another builder built.
func TestOldStoreKeepsOnePlatform(t *testing.T) {
	dir := extension(t, "samples/old", t.Name())
	build := []string{"build", ".", "--builder", world.Builder(), "-q", "--load"}
	r := extpack(t, world.old, dir, append(build, "-t", "old:1", "-t", "example.com/old")...)
	if want := "old:1\nexample.com/old:latest\n"; r.stdout != want {
		t.Errorf("stdout is %q, want %q", r.stdout, want)
	}
	if want := "samples/old@1.2.3: without the containerd image store, the Docker Engine keeps only one platform: loading linux/amd64, leaving out the other 1\n"; r.stderr != want {
		t.Errorf("stderr is %q, want %q", r.stderr, want)
	}
	got := image(t, world.old, "example.com/old")
	if got.Architecture != "amd64" || got.Config.Labels["io.buildpacks.extension.layers"] == "" || len(got.RootFS.Layers) != 1 {
		t.Errorf("the engine has %+v", got)
	}
	if !strings.Contains(got.Config.Labels["io.buildpacks.extension.layers"], got.RootFS.Layers[0]) {
		t.Errorf("the label names another layer than %v: %v", got.RootFS.Layers, got.Config.Labels)
	}
	// With one platform there is nothing to say.
	if r := extpack(t, world.old, dir, append(build, "--target", "linux/amd64", "--media-types", "docker")...); r.stdout != "samples/old:1.2.3\n" || r.stderr != "" {
		t.Errorf("stdout %q, stderr %q", r.stdout, r.stderr)
	}

	missing := on(t, world.old, dir, world.plugin, append(build, "--target", "linux/arm64")...)
	const want = `ERROR: samples/old@1.2.3: loading into the Docker Engine: it keeps only one platform, its own (linux/amd64), and the package has linux/arm64
  add --target linux/amd64, or turn on the containerd image store: "features": {"containerd-snapshotter": true} in the engine's daemon.json
`
	if missing.code != 1 || missing.stdout != "" || missing.stderr != want {
		t.Errorf("exit code %d, stdout %q, stderr %q", missing.code, missing.stdout, missing.stderr)
	}
}
