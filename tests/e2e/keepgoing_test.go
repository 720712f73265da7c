package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOneRun: nothing of a run is published before everything of it is verified,
// unless --keep-going asks for what passes; the metadata file lists what was
// published, also of a run that fails.
func TestOneRun(t *testing.T) {
	t.Parallel()
	right := example("hello")
	// What a stage contains is only known after the build: one program for both.
	wrong := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/wrong", linuxTargets+"\n[metadata.extpack.build]\n"),
		"Dockerfile":     "FROM scratch\nCOPY program /bin/generate\n",
	})
	goBinary(t, "amd64", filepath.Join(wrong, "program"))
	// Its stage cannot be built, so no layout is there to verify.
	unbuilt := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/unbuilt", linuxTargets+"\n[metadata.extpack.build]\n"),
		"Dockerfile":     "FROM scratch\nCOPY missing /bin/generate\n",
	})
	for name, failing := range map[string]struct {
		dir, names string
		code       int
	}{
		"wrong":   {wrong, "e2e/wrong@1.2.3", 2},
		"unbuilt": {unbuilt, "missing", 1},
	} {
		t.Run(name, func(t *testing.T) {
			base := tag(t, "x")
			base = base[:strings.LastIndex(base, ":")]
			metadata := filepath.Join(t.TempDir(), "metadata.json")
			args := []string{"build", right, failing.dir, "--push", "-t", base + "/{{.Slug}}:{{.Version}}", "--metadata-file", metadata}
			hello, other := base+"/samples_hello:0.0.1", base+"/e2e_"+name+":1.2.3"

			r := extpack(t, t.TempDir(), args...)
			if r.code != failing.code || r.stdout != "" || !strings.Contains(r.stderr, failing.names) {
				t.Errorf("exit code %d, stdout %q\n%s", r.code, r.stdout, r.stderr)
			}
			if exists(t, hello) || exists(t, other) {
				t.Error("a run that failed published a tag")
			}
			if _, err := os.Stat(metadata); !os.IsNotExist(err) {
				t.Errorf("there is a metadata file of nothing: %v", err)
			}
			if name == "wrong" && !strings.Contains(r.stderr, "nothing was published, including samples/hello@0.0.1\n  use --keep-going to publish the extensions that pass") {
				t.Errorf("nothing says what was held back:\n%s", r.stderr)
			}

			r = extpack(t, t.TempDir(), append(args, "--keep-going")...)
			if r.code != failing.code || !strings.HasPrefix(r.stdout, hello+"@sha256:") || strings.Count(r.stdout, "\n") != 1 {
				t.Errorf("--keep-going: exit code %d, stdout %q\n%s", r.code, r.stdout, r.stderr)
			}
			if !exists(t, hello) || exists(t, other) {
				t.Error("--keep-going: want the right extension published and the other one not")
			}
			if !strings.Contains(r.stderr, "published the extensions that passed (--keep-going): samples/hello@0.0.1") || !strings.Contains(r.stderr, "e2e/"+name+"@1.2.3") {
				t.Errorf("--keep-going does not say what passed and what did not:\n%s", r.stderr)
			}
			data, err := os.ReadFile(metadata)
			var published []struct{ ID string }
			if err != nil || json.Unmarshal(data, &published) != nil || len(published) != 1 || published[0].ID != "samples/hello" {
				t.Errorf("metadata is %s, %v", data, err)
			}
		})
	}
}
