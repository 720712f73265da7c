//go:build engine

package engine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/sandbox"
)

// TestTestWithImagesOfTheEngine runs test cases with a builder image and a run
// image that only the engine has, as "pack builder create" makes them, on a
// builder that cannot read them there.
func TestTestWithImagesOfTheEngine(t *testing.T) {
	images, err := world.TestImages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hello, err := filepath.Abs("../../examples/hello")
	if err != nil {
		t.Fatal(err)
	}
	for name, engine := range map[string]*sandbox.Engine{"containerd store": world.modern, "older store": world.old} {
		t.Run(name, func(t *testing.T) {
			for from, to := range map[string]string{images.Builder: "registry.invalid/local/builder:dev", images.Run: "registry.invalid/local/run:dev"} {
				for _, args := range [][]string{{"pull", "-q", from}, {"tag", from, to}} {
					if r := on(t, engine, t.TempDir(), "docker", args...); r.code != 0 {
						t.Fatalf("docker %q: exit code %d\n%s", args, r.code, r.stderr)
					}
				}
			}
			r := on(t, engine, hello, world.plugin, "test", "--builder", world.Builder(),
				"--builder-image", "registry.invalid/local/builder:dev", "--run-image", "registry.invalid/local/run:dev")
			if r.code != 0 || !strings.Contains(r.stdout, "PASS  linux/amd64") || !strings.Contains(r.stdout, "2 passed, 0 failed, 6 not run\n") {
				t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			for _, want := range []string{"registry.invalid/local/builder:dev cannot be pulled; copying that of the Docker Engine (linux/amd64, ", "registry.invalid/local/run:dev cannot be pulled; "} {
				if strings.Count(r.stderr, want) != 1 {
					t.Errorf("%q is not there once:\n%s", want, r.stderr)
				}
			}
			r = on(t, engine, hello, world.plugin, "test", "--builder", world.Builder(), "--builder-image", "registry.invalid/local/none:dev")
			if r.code != 1 || !strings.Contains(r.stderr, "registry.invalid/local/none:dev") {
				t.Errorf("an image that is nowhere: exit code %d\n%s", r.code, r.stderr)
			}
		})
	}
}
