//go:build engine

package engine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/sandbox"
)

// TestDockerSave reads what "docker save" writes of a package, with either image
// store: an OCI layout that Docker's own readers understand too.
func TestDockerSave(t *testing.T) {
	ref, dir := tag(t, "1"), t.TempDir()
	extpack(t, world.modern, extension(t, "samples/save", t.Name()), "build", "--push", "-t", ref, ".")
	sparse := filepath.Join(dir, "sparse.tar")
	for _, args := range [][]string{{"pull", "-q", ref}, {"save", "-o", sparse, ref}} {
		if r := on(t, world.modern, dir, "docker", args...); r.code != 0 {
			t.Fatalf("docker %q: exit code %d\n%s", args, r.code, r.stderr)
		}
	}
	for _, args := range [][]string{
		{"inspect", sparse},
		{"verify", sparse},
		{"run-image", sparse},
		{"annotate", sparse},
		{"lint", sparse},
		{"index", "create", "-o", filepath.Join(dir, "all.cnb"), sparse},
		{"index", "annotate", sparse, "linux/amd64", "--annotation", "a=b"},
	} {
		if r := on(t, world.modern, dir, world.plugin, args...); r.code != 2 || !strings.Contains(r.stdout+r.stderr, "saved with linux/amd64 only") || !strings.Contains(r.stdout+r.stderr, "docker save --platform linux/amd64") {
			t.Errorf("%q of platforms that were not pulled: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	for name, tc := range map[string]struct {
		engine *sandbox.Engine
		save   []string
	}{
		"modern": {world.modern, []string{"save", "--platform", "linux/amd64"}},
		"old":    {world.old, []string{"save"}},
	} {
		t.Run(name, func(t *testing.T) {
			engine, file := tc.engine, filepath.Join(dir, name+".tar")
			for _, args := range [][]string{{"pull", "-q", ref}, append(tc.save, "-o", file, ref)} {
				if r := on(t, engine, dir, "docker", args...); r.code != 0 {
					t.Fatalf("docker %q: exit code %d\n%s", args, r.code, r.stderr)
				}
			}
			if out := extpack(t, engine, dir, "inspect", file).stdout; !strings.Contains(out, "samples/save") || !strings.Contains(out, "linux/amd64") {
				t.Errorf("inspect:\n%s", out)
			}
			extpack(t, engine, dir, "index", "create", "-o", file+".cnb", file)
			for _, saved := range []string{file, file + ".cnb"} {
				extpack(t, engine, dir, "verify", saved)
				extpack(t, engine, dir, "run-image", saved)
			}
		})
	}
}
