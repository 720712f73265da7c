package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// awkwardText is what a Dockerfile, a shell or HCL would read as more than text.
const awkwardText = `description = "$HOME ${HOME} $${x} %{ if } \"quoted\" 'it' back\\slash \u0060 <<EOF"` + "\n# EOF ${DESCRIPTOR} \\\n"

// TestVersionFromElsewhere: --version sets the version that a release script
// would write, and everything that names one agrees, from both engines and from
// a plain bake.
func TestVersionFromElsewhere(t *testing.T) {
	const head = "api = \"0.10\"\n\n[extension]\nid = \"e2e/version\"\n"
	for name, tt := range map[string]struct {
		toml  string
		files map[string]string
	}{
		"missing":         {head + awkwardText + linuxTargets, nil},
		"placeholder":     {head + "version = \"{{.version}}\"\n" + awkwardText + linuxTargets, nil},
		"replaced":        {head + "version = \"0.0.1\"\n" + linuxTargets, nil},
		"for any":         {head + awkwardText, nil},
		"platform folder": {head + awkwardText + linuxTargets, map[string]string{"linux/arm64/bin/generate": script, "linux/arm64/extension.toml": "x"}},
		"included":        {head + awkwardText + linuxTargets + "\n[metadata]\ninclude-files = [\"bin/detect\", \"bin/generate\", \"extension.toml\"]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"extension.toml": tt.toml, "bin/detect": script, "bin/generate": script}
			for name, text := range tt.files {
				files[name] = text
			}
			dir := extensionDir(t, files)
			base := tag(t, "x")
			base = base[:strings.LastIndex(base, ":")]
			buildxRef, embeddedRef, bakedRef := base+":buildx-1.20.3-1-20-3", base+":embedded", base+":baked"
			mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", base+":buildx-{{.Version}}-{{.Major}}-{{.Minor}}-{{.Patch}}", "--version", "v1.20.3")
			mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", embeddedRef, "--version", "1.20.3", "--engine", "embedded")
			built := fetch(t, buildxRef)
			if other := fetch(t, embeddedRef); other.digest != built.digest {
				t.Errorf("buildx makes %s, the embedded engine %s", built.digest, other.digest)
			}
			mustExtpack(t, dir, "bake", "-t", bakedRef, "--version", "1.20.3")
			mustExtpack(t, dir, "bake", "-t", bakedRef, "--version", "1.20.3", "--check")
			if r := extpack(t, dir, "bake", "-t", bakedRef, "--version", "1.20.4", "--check"); r.code != 2 || !strings.Contains(r.stderr, "--version 1.20.4") {
				t.Errorf("bake --check of another version: exit code %d\n%s", r.code, r.stderr)
			}
			buildx(t, dir, "bake", "--push")
			mustExtpack(t, t.TempDir(), "annotate", bakedRef)
			baked := fetch(t, bakedRef)
			for i, image := range built.images {
				if got := baked.images[i]; got.diffID != image.diffID {
					t.Errorf("plain bake makes %s, build %s", got.diffID, image.diffID)
				}
				file, ok := image.files["cnb/extensions/e2e_version/1.20.3/extension.toml"]
				if !ok || !strings.Contains(file.content, "version = \"1.20.3\"") || strings.Contains(tt.toml, awkwardText) && !strings.Contains(file.content, awkwardText) {
					t.Errorf("extension.toml is %s", file.content)
				}
			}
			for _, ref := range []string{buildxRef, bakedRef} {
				if out := mustExtpack(t, t.TempDir(), "verify", ref); strings.Contains(out, "warning") || !strings.Contains(out, "e2e/version@1.20.3 passed") {
					t.Errorf("verify %s:\n%s", ref, out)
				}
				if out := mustExtpack(t, t.TempDir(), "inspect", ref); !strings.Contains(out, "1.20.3") || strings.Contains(out, "0.0.1") {
					t.Errorf("inspect %s:\n%s", ref, out)
				}
			}
		})
	}
	t.Run("a build stage", func(t *testing.T) {
		dir := extensionDir(t, map[string]string{
			"extension.toml": head + awkwardText + linuxTargets + "\n[metadata.extpack.build]\n", "Dockerfile": "FROM scratch\nCOPY run /bin/generate\nCOPY run /extension.toml\n", "run": script,
		})
		ref := tag(t, "1")
		mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--version", "1.20.3")
		if out := mustExtpack(t, t.TempDir(), "verify", ref); !strings.Contains(out, "e2e/version@1.20.3 passed") {
			t.Errorf("verify:\n%s", out)
		}
	})
	r := extpack(t, t.TempDir(), "build", extensionDir(t, map[string]string{"extension.toml": head, "bin/detect": script}), "-o", filepath.Join(t.TempDir(), "x.cnb"))
	if r.code != 2 || !strings.Contains(r.stderr, "or set it with --version") {
		t.Errorf("without a version: exit code %d\n%s", r.code, r.stderr)
	}
}
