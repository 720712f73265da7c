package e2e_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestHello is the main job: one command from a directory to an index with
// every platform, looked at with plain HTTP requests.
func TestHello(t *testing.T) {
	ref := tag(t, "0.0.1")
	r := extpack(t, t.TempDir(), "build", example("hello"), "--push", "-t", ref)
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	p := fetch(t, ref)
	if want := ref + "@" + p.digest + "\n"; r.stdout != want {
		t.Errorf("stdout is %q, want %q", r.stdout, want)
	}
	if !strings.Contains(r.stderr, "exporting to client tarball") {
		t.Errorf("buildx's own progress is missing from stderr:\n%s", r.stderr)
	}
	var platforms []string
	for _, image := range p.images {
		platforms = append(platforms, image.platform())
		checkConfig(t, image)
		checkLayer(t, image)
		checkHelloFiles(t, image)
	}
	if want := []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms are %v, want %v in target order", platforms, want)
	}
	if len(p.index.Manifests) != 4 || p.index.MediaType != v1.MediaTypeImageIndex {
		t.Errorf("index is %+v", p.index)
	}
	checkHelloAnnotations(t, p.index.Annotations)
}

// checkConfig checks that the config has the fields that are documented, and no
// others.
func checkConfig(t *testing.T, image publishedImage) {
	t.Helper()
	fields := parse[map[string]json.RawMessage](t, image.rawConfig)
	allowed := []string{"architecture", "config", "created", "history", "os", "os.version", "rootfs", "variant"}
	for name := range fields {
		if !slices.Contains(allowed, name) {
			t.Errorf("%s: config has the field %s", image.platform(), name)
		}
	}
	if inner := parse[map[string]json.RawMessage](t, fields["config"]); len(inner) != 1 || inner["Labels"] == nil {
		t.Errorf("%s: config.config is %s, want Labels only", image.platform(), fields["config"])
	}
	const created = "1980-01-01T00:00:01Z"
	if string(fields["created"]) != `"`+created+`"` || string(fields["history"]) != `[{"created":"`+created+`"}]` {
		t.Errorf("%s: created %s, history %s", image.platform(), fields["created"], fields["history"])
	}
	p := image.descriptor.Platform
	if c := image.config; c.OS != p.OS || c.Architecture != p.Architecture || c.Variant != p.Variant || c.OSVersion != p.OSVersion {
		t.Errorf("config is for %+v, descriptor for %+v", c.Platform, p)
	}
	if ids := image.config.RootFS.DiffIDs; len(ids) != 1 || ids[0].String() != image.diffID {
		t.Errorf("%s: diffIDs are %v, the layer's is %s", image.platform(), ids, image.diffID)
	}
}

// checkLayer checks what must hold for every entry of every layer.
func checkLayer(t *testing.T, image publishedImage) {
	t.Helper()
	if got := image.manifest.Layers[0].MediaType; got != v1.MediaTypeImageLayerGzip {
		t.Errorf("layer type is %s", got)
	}
	for name, e := range image.files {
		if e.Uid != 0 || e.Gid != 0 || e.Uname != "" || e.Gname != "" || e.ModTime.Unix() != 0 {
			t.Errorf("%s: owner %d:%d (%s:%s), time %v", name, e.Uid, e.Gid, e.Uname, e.Gname, e.ModTime)
		}
	}
}

func checkHelloFiles(t *testing.T, image publishedImage) {
	t.Helper()
	const root = "cnb/extensions/samples_hello/0.0.1"
	want := map[string]string{
		"cnb": "drwxr-xr-x", "cnb/extensions": "drwxr-xr-x", "cnb/extensions/samples_hello": "drwxr-xr-x", root: "drwxr-xr-x",
		root + "/bin": "drwxr-xr-x", root + "/bin/detect": "-rwxr-xr-x", root + "/bin/generate": "-rwxr-xr-x",
		root + "/extension.toml": "-rw-r--r--",
	}
	if got := image.names(); !maps.Equal(got, want) {
		t.Errorf("%s: layer contains %v, want %v", image.platform(), got, want)
	}
	for _, name := range []string{"bin/detect", "bin/generate", "extension.toml"} {
		content, err := os.ReadFile(filepath.Join(example("hello"), name))
		if err != nil {
			t.Fatal(err)
		}
		if image.files[root+"/"+name].content != string(content) {
			t.Errorf("%s: %s differs from the source", image.platform(), name)
		}
	}
}

func checkHelloAnnotations(t *testing.T, got map[string]string) {
	t.Helper()
	want := map[string]string{
		"io.buildpacks.buildpackage.metadata": `{"id":"samples/hello","name":"Hello","version":"0.0.1","description":"Leaves a greeting in the build image",` +
			`"homepage":"https://github.com/extpack/extpack/tree/main/examples/hello","licenses":[{"Type":"Apache-2.0","URI":""}],"stacks":null}`,
		"io.buildpacks.extension.api":          "0.10",
		"io.buildpacks.extension.id":           "samples/hello",
		"io.buildpacks.extension.version":      "0.0.1",
		"org.opencontainers.image.created":     "1980-01-01T00:00:01Z",
		"org.opencontainers.image.description": "Leaves a greeting in the build image",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.title":       "Hello",
		"org.opencontainers.image.url":         "https://github.com/extpack/extpack/tree/main/examples/hello",
		"org.opencontainers.image.version":     "0.0.1",
	}
	if !maps.Equal(got, want) {
		t.Errorf("annotations are %v, want %v", got, want)
	}
}

// TestLabelsAreWhatPackWrites compares with labels that pack 0.40.5 wrote for
// the same descriptor (testdata/pack-labels.json), byte by byte but for the
// diffID of a layer that contains other files.
func TestLabelsAreWhatPackWrites(t *testing.T) {
	raw, err := os.ReadFile("testdata/pack-labels.json")
	if err != nil {
		t.Fatal(err)
	}
	facts := parse[struct{ Config v1.Image }](t, raw)
	packDiffID := facts.Config.RootFS.DiffIDs[0].String()

	toml, err := os.ReadFile("testdata/samples-curl.toml")
	if err != nil {
		t.Fatal(err)
	}
	dir := extensionDir(t, map[string]string{"extension.toml": string(toml) + linuxTargets, "bin/detect": script, "bin/generate": script})
	ref := tag(t, "latest")
	mustExtpack(t, dir, "build", "--push", "-t", ref)
	for _, image := range fetch(t, ref).images {
		if len(image.config.Config.Labels) != len(facts.Config.Config.Labels) {
			t.Errorf("labels are %v", image.config.Config.Labels)
		}
		for name, want := range facts.Config.Config.Labels {
			want = strings.ReplaceAll(want, packDiffID, image.diffID)
			if got := image.config.Config.Labels[name]; got != want {
				t.Errorf("label %s is\n%s, pack wrote\n%s", name, got, want)
			}
		}
	}
}

// TestPlatformRoots builds the example with other files for each platform.
func TestPlatformRoots(t *testing.T) {
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("platform-roots"), "--push", "-t", ref)
	p := fetch(t, ref)
	type image struct{ platform, version, distro, root string }
	want := []image{
		{"linux/amd64", "22.04", "ubuntu", "linux/amd64/ubuntu@22.04"},
		{"linux/amd64", "24.04", "ubuntu", "linux/amd64/ubuntu@24.04"},
		{"linux/arm64", "", "", "linux/arm64"},
		{"linux/arm/v7", "", "", "linux/arm/v7"},
	}
	if len(p.images) != len(want) {
		t.Fatalf("got %d images, want %d", len(p.images), len(want))
	}
	for i, got := range p.images {
		w := want[i]
		a := got.descriptor.Annotations
		if got.platform() != w.platform || got.config.OSVersion != w.version || a["io.buildpacks.base.distro.name"] != w.distro || a["io.buildpacks.base.distro.version"] != w.version {
			t.Errorf("image %d is %s, os.version %q, annotations %v; want %+v", i, got.platform(), got.config.OSVersion, a, w)
		}
		checkConfig(t, got)
		checkLayer(t, got)
		checkRoot(t, got, w.root)
	}
}

// checkRoot checks that the image contains its platform root, the shared files
// and the descriptor, and nothing of another platform.
func checkRoot(t *testing.T, image publishedImage, root string) {
	t.Helper()
	const dest = "cnb/extensions/samples_platform-roots/0.0.1/"
	sources := map[string]string{
		"bin/detect": root + "/bin/detect", "bin/generate": root + "/bin/generate",
		"LICENSE.txt": "LICENSE.txt", "lib/packages.sh": "lib/packages.sh", "extension.toml": "extension.toml",
	}
	files := 0
	for name, e := range image.files {
		if e.FileInfo().IsDir() {
			continue
		}
		files++
		source, ok := sources[strings.TrimPrefix(name, dest)]
		if !ok {
			t.Errorf("%s contains %s", image.platform(), name)
			continue
		}
		content, err := os.ReadFile(filepath.Join(example("platform-roots"), source))
		if err != nil {
			t.Fatal(err)
		}
		if string(content) != e.content {
			t.Errorf("%s: %s is not %s", image.platform(), name, source)
		}
	}
	if files != len(sources) {
		t.Errorf("%s contains %d files, want %d", image.platform(), files, len(sources))
	}
}
