package peers_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/layertest"
)

// TestPackBuilderRunsCases: test takes a builder image that pack made of a build
// image, a buildpack and the lifecycle.
func TestPackBuilderRunsCases(t *testing.T) {
	images, err := world.TestImages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, ref := t.TempDir(), tag(t, "builder")
	writeFiles(t, dir, map[string]string{
		"bp/buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"peers/bp\"\nversion = \"0.0.1\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
		"bp/bin/build":      "#!/bin/sh\n", "bp/bin/detect": "#!/bin/sh\n",
	})
	program, base := filepath.Join(dir, "lifecycle"), tag(t, "base")
	peer(t, dir, "crane", "copy", "--insecure", images.Build, base) // pack mounts no layers of another repository
	peer(t, dir, "crane", "export", "--insecure", "--platform", "linux/amd64", images.Lifecycle, "root.tar")
	if r := runIn(t, dir, "tar", "-xf", "root.tar", "--strip-components=2", "cnb/lifecycle/lifecycle"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	writeBuilder(t, dir, "uri = "+quote(extensionDir(t)), base, packedLifecycle(t, program))
	pack(t, dir, "builder", "create", ref, "--config", filepath.Join(dir, "builder.toml"), "--publish", "--target", "linux/amd64")

	writeFiles(t, dir, map[string]string{
		"ext/extension.toml": "api = \"0.10\"\n[extension]\nid = \"peers/cases\"\nversion = \"0.0.1\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
		"ext/bin/detect":     "#!/bin/sh\nprintf '[[provides]]\\nname = \"x\"\\n' >\"$CNB_BUILD_PLAN_PATH\"\n",
		"ext/bin/generate":   "#!/bin/sh\nprintf 'ARG base_image\\nFROM ${base_image}\\nARG user_id\\nUSER root\\nRUN echo yes >/made\\nUSER ${user_id}\\n' >\"$CNB_OUTPUT_DIR/build.Dockerfile\"\n",
		"ext/tests/x.toml":   "[[case]]\nname = \"made\"\nrequires = [\"x\"]\n[[case.build-image.file]]\npath = \"/made\"\ncontent = \"^yes$\"\n",
	})
	for _, name := range []string{"detect", "generate"} {
		if err := os.Chmod(filepath.Join(dir, "ext/bin", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := runIn(t, dir, world.plugin, "test", "ext", "--builder-image", ref, "--format", "json")
	var got []struct{ Case, Platform, Status string }
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 0 {
		t.Fatalf("%v, exit code %d\n%s%s", err, r.code, r.stdout, r.stderr)
	}
	if len(got) != 1 || got[0].Case != "made" || got[0].Platform != "linux/amd64" || got[0].Status != "passed" {
		t.Errorf("got %+v", got)
	}
}

// packedLifecycle writes an archive of a lifecycle as its releases have it: one
// program under the names of the phases.
func packedLifecycle(t *testing.T, program string) string {
	t.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	entries := []layertest.Entry{
		layertest.File("lifecycle.toml", lifecycleDescriptor, 0o644),
		layertest.File("lifecycle/lifecycle", string(data), 0o755),
	}
	for _, name := range phases {
		entries = append(entries, layertest.Link('2', "lifecycle/"+name, "lifecycle"))
	}
	name := filepath.Join(t.TempDir(), "lifecycle.tgz")
	if err := os.WriteFile(name, layertest.Gzip(t, layertest.Tar(t, entries...)), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}
