package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestAnyPlatform: an extension in which nothing is bound to a platform, and for
// which nothing names one, is one image, the same from both engines, and from a
// plain bake that annotate completes.
func TestAnyPlatform(t *testing.T) {
	t.Parallel()
	for name, targets := range map[string]string{"no target": "", "an os alone": "\n[[targets]]\nos = \"linux\"\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/any", targets), "bin/detect": script, "bin/generate": script})
			ref := tag(t, "1")
			r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref)
			if r.code != 0 || !strings.Contains(r.stderr, "one image for any platform; for an index, name the platforms with [[targets]] or --target") {
				t.Fatalf("exit code %d\n%s", r.code, r.stderr)
			}
			built := fetch(t, ref)
			raw, _ := get(t, ref, "manifests")
			m := parse[v1.Manifest](t, raw)
			image := built.images[0]
			if m.MediaType != v1.MediaTypeImageManifest || m.Annotations["io.buildpacks.extension.platform"] != "any" || m.Annotations["io.buildpacks.extension.id"] != "e2e/any" {
				t.Errorf("manifest is %s", raw)
			}
			if c := image.config; c.OS != "linux" || c.Architecture != "amd64" || c.Variant != "" || len(c.Config.Labels) != 2 {
				t.Errorf("config is %s", image.rawConfig)
			}

			other := tag(t, "2")
			mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", other, "--engine", "embedded")
			if got := fetch(t, other); got.digest != built.digest {
				t.Errorf("the embedded engine makes %s, buildx %s", got.digest, built.digest)
			}
			// Found before anything is built.
			if r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--builder", "missing"); r.code != 0 || !strings.Contains(r.stderr, "it is already published") {
				t.Errorf("exit code %d\n%s", r.code, r.stderr)
			}

			baked := tag(t, "3")
			mustExtpack(t, dir, "bake", "-t", baked)
			buildx(t, dir, "bake", "--push")
			r = extpack(t, t.TempDir(), "annotate", baked)
			if r.code != 0 || !strings.Contains(r.stderr, "is one image for any platform and remains one") {
				t.Errorf("annotate: exit code %d\n%s", r.code, r.stderr)
			}
			plain := fetch(t, baked).images[0]
			for key, want := range image.config.Config.Labels {
				if got := plain.config.Config.Labels[key]; got != want {
					t.Errorf("plain bake: label %s is %s, want %s", key, got, want)
				}
			}
			for key, want := range m.Annotations {
				if got := plain.manifest.Annotations[key]; got != want && key != v1.AnnotationCreated {
					t.Errorf("plain bake: annotation %s is %q, want %q", key, got, want)
				}
			}
			if plain.diffID != image.diffID || plain.config.Architecture != "amd64" {
				t.Errorf("plain bake makes %s for %s, build %s", plain.diffID, plain.config.Architecture, image.diffID)
			}
			file := filepath.Join(t.TempDir(), "any.cnb")
			mustExtpack(t, t.TempDir(), "build", dir, "-o", file, "-o", file+".d/", "--engine", "embedded")
			for _, name := range []string{ref, baked, file, file + ".d"} {
				if r := extpack(t, t.TempDir(), "verify", name); r.code != 0 || !strings.Contains(r.stdout, "on any platform") || strings.Contains(r.stdout, "warning") {
					t.Errorf("verify %s: exit code %d\n%s%s", name, r.code, r.stdout, r.stderr)
				}
				if out := mustExtpack(t, t.TempDir(), "inspect", name); !strings.Contains(out, "any platform") {
					t.Errorf("inspect %s:\n%s", name, out)
				}
			}
			refuseAnyPlatform(t, ref, dir)
		})
	}
}

// refuseAnyPlatform: what needs an index says what to do.
func refuseAnyPlatform(t *testing.T, ref, dir string) {
	t.Helper()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"build", dir, "--push", "-t", ref, "--append"}, "name the platforms with [[targets]] or --target"},
		{[]string{"build", dir, "--push", "-t", ref, "--append", "--target", "linux/arm64"}, "docker extpack build --target"},
		{[]string{"build", dir, "--push", "-t", ref, "--provenance"}, "name the platforms with [[targets]] or --target"},
		{[]string{"index", "add", ref, example("hello") + "/nothing.cnb"}, "docker extpack build --target"},
		{[]string{"index", "create", "-t", ref + "-index", ref}, "--platform SOURCE=os/arch"},
	} {
		if r := extpack(t, t.TempDir(), tt.args...); r.code != 2 || !strings.Contains(r.stderr, tt.want) || !strings.Contains(r.stderr, "one image for any platform") {
			t.Errorf("%v: exit code %d\n%s", tt.args, r.code, r.stderr)
		}
	}
	mustExtpack(t, t.TempDir(), "index", "create", "-t", ref+"-index", "--platform", ref+"=linux/arm64", ref)
	if r := extpack(t, t.TempDir(), "verify", ref+"-index"); r.code != 0 {
		t.Errorf("verify of an index that lists it: exit code %d\n%s", r.code, r.stdout)
	}
}

// TestBoundToAPlatform: a program in the extension decides, and is named.
func TestBoundToAPlatform(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/bound", ""), "bin/detect": script})
	goBinary(t, "arm64", filepath.Join(dir, "bin/generate"))
	digests := map[string]string{}
	for _, engine := range []string{"buildx", "embedded"} {
		ref := tag(t, engine)
		r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--engine", engine)
		if r.code != 0 || !strings.Contains(r.stderr, "building for linux/arm64 only, because bin/generate is an ELF executable for arm64 (AArch64)") {
			t.Fatalf("%s: exit code %d\n%s", engine, r.code, r.stderr)
		}
		p := fetch(t, ref)
		if len(p.images) != 1 || p.images[0].platform() != "linux/arm64" || p.images[0].config.Architecture != "arm64" {
			t.Errorf("%s: index is %+v", engine, p.index)
		}
		digests[p.digest] = engine
	}
	if len(digests) != 1 {
		t.Errorf("the engines differ: %v", digests)
	}
}

// TestStageOfTheBuilder: what a build stage makes without targets is for the
// builder's platform, and the missing ones are named.
func TestStageOfTheBuilder(t *testing.T) {
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/native", "\n[metadata.extpack.build]\n"), "Dockerfile": "FROM scratch\nCOPY run.Dockerfile /generate/\n", "run.Dockerfile": "FROM x\n",
	})
	ref := tag(t, "1")
	for _, args := range [][]string{{"build", "--dry-run", dir}, {"bake", "-o", "-", dir}} {
		if r := extpack(t, t.TempDir(), args...); r.code != 0 || !strings.Contains(r.stderr, "at least one of linux/amd64 and linux/arm64 is missing") {
			t.Errorf("%q: exit code %d\n%s", args, r.code, r.stderr)
		}
	}
	r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref)
	p := fetch(t, ref)
	if r.code != 0 || len(p.images) != 1 || p.images[0].descriptor.Platform == nil {
		t.Fatalf("exit code %d, index is %+v\n%s", r.code, p.index, r.stderr)
	}
	missing := map[string]string{"amd64": "linux/arm64", "arm64": "linux/amd64"}[p.images[0].config.Architecture]
	if want := "built only for that of the builder; missing: " + missing; !strings.Contains(r.stderr, want) {
		t.Errorf("stderr has no %q:\n%s", want, r.stderr)
	}
}

// TestPacksDefault: the package that pack makes without targets, whose config
// names no architecture, counts as an image for any platform.
func TestPacksDefault(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/default", ""), "bin/detect": script, "bin/generate": script})
	ref, packs := tag(t, "1"), tag(t, "pack")
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--engine", "embedded")
	image := fetch(t, ref).images[0]
	config := parse[fields](t, image.rawConfig)
	config["architecture"] = ""
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	desc := pushBlob(t, packs, v1.MediaTypeImageConfig, data)
	layer, _ := get(t, at(ref, fields{"digest": image.manifest.Layers[0].Digest.String()}), "blobs")
	pushBlob(t, packs, v1.MediaTypeImageLayerGzip, layer)
	manifest := image.manifest
	manifest.Config, manifest.Annotations = desc, nil
	pushManifest(t, packs, "pack", v1.MediaTypeImageManifest, manifest)

	r := extpack(t, t.TempDir(), "verify", packs)
	if r.code != 0 || !strings.Contains(r.stdout, "note") || !strings.Contains(r.stdout, "platform-any") || strings.Contains(r.stdout, "error ") {
		t.Errorf("verify: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if out := mustExtpack(t, t.TempDir(), "inspect", packs); !strings.Contains(out, "any platform") {
		t.Errorf("inspect:\n%s", out)
	}
	refuseAnyPlatform(t, packs, dir)
	r = extpack(t, t.TempDir(), "annotate", packs)
	if r.code != 0 || !strings.Contains(r.stderr, "one image for any platform") {
		t.Errorf("annotate: exit code %d\n%s", r.code, r.stderr)
	}
	metadata := filepath.Join(t.TempDir(), "metadata.json")
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--metadata-file", metadata)
	if data, err := os.ReadFile(metadata); err != nil || !strings.Contains(string(data), `"platform": "any"`) {
		t.Errorf("metadata is %s, %v", data, err)
	}
}
