package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// manifestsIn returns the image manifests of a layout that buildx wrote.
func manifestsIn(t *testing.T, dir string) []v1.Manifest {
	t.Helper()
	var all []v1.Manifest
	var visit func(raw []byte)
	visit = func(raw []byte) {
		for _, d := range parse[v1.Index](t, raw).Manifests {
			if raw := blobIn(t, dir, d); d.MediaType == v1.MediaTypeImageIndex {
				visit(raw)
			} else {
				all = append(all, parse[v1.Manifest](t, raw))
			}
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	visit(raw)
	return all
}

func blobIn(t *testing.T, dir string, d v1.Descriptor) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", d.Digest.Encoded()))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// diffIDsIn returns the diffIDs by platform of a layout that buildx wrote.
func diffIDsIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, manifest := range manifestsIn(t, dir) {
		config := parse[v1.Image](t, blobIn(t, dir, manifest.Config))
		out[strings.TrimSuffix(config.OS+"/"+config.Architecture+"/"+config.Variant, "/")] = config.RootFS.DiffIDs[0].String()
	}
	return out
}

// TestPlainBakeGivesTheSameLayers runs the generated file without the plugin.
func TestPlainBakeGivesTheSameLayers(t *testing.T) {
	t.Parallel()
	dir := copyTree(t, example("hello"), 0, 0)
	ref := tag(t, "1")
	mustExtpack(t, dir, "build", "--push", "-t", ref)
	want := map[string]string{}
	for _, image := range fetch(t, ref).images {
		want[image.platform()] = image.diffID
	}
	mustExtpack(t, dir, "bake", "-t", ref)

	out := filepath.Join(t.TempDir(), "out")
	output := "*.output=type=oci,tar=false,rewrite-timestamp=true,dest=" + out
	mustMkdir(t, out)
	buildx(t, dir, "bake", "-f", "docker-bake.hcl", "--allow", "fs.write="+out, "--set", output)
	got := diffIDsIn(t, out)
	if len(got) != 4 {
		t.Fatalf("bake made %v", got)
	}
	for platform, diffID := range want {
		if got[platform] != diffID {
			t.Errorf("%s: plain bake gives %s, docker extpack build %s", platform, got[platform], diffID)
		}
	}

	one := filepath.Join(t.TempDir(), "one")
	mustMkdir(t, one)
	buildx(t, dir, "bake", "samples_hello-linux-arm64", "--allow", "fs.write="+one,
		"--set", "*.output=type=oci,tar=false,rewrite-timestamp=true,dest="+one)
	if got := diffIDsIn(t, one); len(got) != 1 || got["linux/arm64"] != want["linux/arm64"] {
		t.Errorf("one platform: got %v, want linux/arm64 %s", got, want["linux/arm64"])
	}
}

// TestPlainBakePush pushes with nothing but buildx, which the generated file
// makes reproducible by itself.
func TestPlainBakePush(t *testing.T) {
	t.Parallel()
	dir := copyTree(t, example("hello"), 0, 0)
	ref := tag(t, "1")
	mustExtpack(t, dir, "bake", "-t", ref)
	buildx(t, dir, "bake", "--push")
	baked := fetch(t, ref)
	mustExtpack(t, dir, "build", "--push", "-t", ref)
	built := fetch(t, ref)
	for i := range built.images {
		if baked.images[i].diffID != built.images[i].diffID {
			t.Errorf("%s: plain bake gives %s, docker extpack build %s", built.images[i].platform(), baked.images[i].diffID, built.images[i].diffID)
		}
	}
	if label := baked.images[0].config.Config.Labels["io.buildpacks.buildpackage.metadata"]; !strings.Contains(label, `"id":"samples/hello"`) {
		t.Errorf("plain bake sets the label %q", label)
	}
}

// TestBakeSeveralAndPrint checks one file for several extensions against
// buildx's own reading of it.
func TestBakeSeveralAndPrint(t *testing.T) {
	out := mustExtpack(t, world.root, "bake", "--print", "examples/hello", "examples/platform-roots")
	printed := parse[struct {
		Group  map[string]struct{ Targets []string }
		Target map[string]json.RawMessage
	}](t, []byte(out))
	want := []string{"samples_hello", "samples_platform-roots", "samples_platform-roots-linux-amd64-ubuntu_22_04", "samples_platform-roots-linux-amd64-ubuntu_24_04"}
	if got := printed.Group["default"].Targets; !slices.Equal(got, want) {
		t.Errorf("default group is %v, want %v", got, want)
	}
	for _, name := range want {
		if printed.Target[name] == nil {
			t.Errorf("target %s is missing", name)
		}
	}
}

// TestMakefileStyle: the third way in, a Makefile that calls the other two.
func TestMakefileStyle(t *testing.T) {
	dir := copyTree(t, example("hello"), 0, 0)
	writeFile(t, filepath.Join(dir, ".dockerignore"), "Makefile\n.dockerignore\n")
	writeFile(t, filepath.Join(dir, "Makefile"), "REF ?= unset\n\npackage: docker-bake.hcl\n\t"+world.plugin+" build --push -q -t $(REF)\n\n"+
		"docker-bake.hcl: extension.toml\n\t"+world.plugin+" bake -o $@\n")
	ref := tag(t, "1")
	cmd := in(exec.CommandContext(t.Context(), "make", "-s", "package", "REF="+ref), dir)
	r := runCommand(t, cmd)
	if r.code != 0 || !strings.HasPrefix(r.stdout, ref+"@sha256:") {
		t.Fatalf("make: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	checkHelloFiles(t, fetch(t, ref).images[0])
}

func mustMkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
