//go:build engine

package engine_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/inspect"
	"github.com/extpack/extpack/tests/plugintest"
	"github.com/extpack/extpack/tests/sandbox"
)

// loadLines are arguments of "pack extension package" without --publish. NAME is
// the image of the tool that runs.
var loadLines = []struct {
	args string
	// packFails and oldFails report whether pack, and our tool with the old
	// image store, refuse: these load one image, that of the engine's platform.
	packFails, oldFails bool
}{
	{args: "NAME -p two"},
	{args: "NAME -p two --format image"},
	{args: "NAME -p two --target linux/amd64"},
	{args: "NAME -p two --target linux/arm64", packFails: true, oldFails: true},
	{args: "NAME -p two --target linux/amd64 --target linux/arm64", packFails: true},
	{args: "NAME -p none --pull-policy if-not-present"},
	{args: "NAME:1 -p none --tag NAME:2 --tag NAME:3"},
	{args: "NAME --config package.toml"},
}

// loaded is what an engine has of a package for its own platform. Digests of
// layers depend on times, which pack does not set.
type loaded struct {
	Labels map[string]string
	Layers int
	Files  []inspect.File
}

var layerDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// TestPackageLoads runs "docker extpack package" and "pack extension package"
// with the same arguments, and compares what the engine has then.
func TestPackageLoads(t *testing.T) {
	bin, err := world.Peers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := plugintest.WriteFiles(dir, map[string]string{
		"two/extension.toml": "api = \"0.10\"\n[extension]\nid = \"samples/two\"\nversion = \"1.2.3\"\n" +
			"[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n",
		"two/bin/detect": "#!/bin/sh\n", "two/bin/generate": "#!/bin/sh\n",
		"none/extension.toml": "api = \"0.10\"\n[extension]\nid = \"samples/none\"\nversion = \"1.2.3\"\n",
		"none/bin/detect":     "#!/bin/sh\n", "none/bin/generate": "#!/bin/sh\n",
		"package.toml": "[extension]\nuri = \"two\"\n",
	}); err != nil {
		t.Fatal(err)
	}
	for name, engine := range map[string]*sandbox.Engine{"modern": world.modern, "old": world.old} {
		for _, line := range loadLines {
			t.Run(name+" "+line.args, func(t *testing.T) {
				has := func(program, image string, args []string, fails bool) loaded {
					t.Helper()
					_ = on(t, engine, dir, "docker", "image", "rm", "-f", image, image+":1", image+":2", image+":3")
					for _, arg := range strings.Fields(line.args) {
						args = append(args, strings.Replace(arg, "NAME", image, 1))
					}
					r := on(t, engine, dir, program, args...)
					if (r.code != 0) != fails {
						t.Fatalf("%s %q: exit code %d\n%s%s", program, args, r.code, r.stdout, r.stderr)
					}
					if fails {
						return loaded{}
					}
					return loadedImage(t, engine, strings.Replace(strings.Fields(line.args)[0], "NAME", image, 1))
				}
				ours := has(world.plugin, "load/extpack", []string{"package"}, line.oldFails && engine == world.old)
				theirs := has(filepath.Join(bin, "pack"), "load/pack", []string{"extension", "package"}, line.packFails)
				if !line.packFails && !reflect.DeepEqual(ours, theirs) {
					t.Errorf("the engine has\n%+v\nof docker extpack, and of pack\n%+v", ours, theirs)
				}
			})
		}
	}
}

func loadedImage(t *testing.T, engine *sandbox.Engine, name string) loaded {
	t.Helper()
	got := image(t, engine, name)
	l := loaded{Labels: map[string]string{}, Layers: len(got.RootFS.Layers)}
	for _, key := range []string{"io.buildpacks.buildpackage.metadata", "io.buildpacks.extension.layers"} {
		l.Labels[key] = layerDigest.ReplaceAllString(got.Config.Labels[key], "")
		if l.Labels[key] == "" {
			t.Errorf("%s has no label %s", name, key)
		}
	}
	file := filepath.Join(t.TempDir(), "saved.tar")
	if r := on(t, engine, ".", "docker", "save", "-o", file, name); r.code != 0 {
		t.Fatalf("docker save: exit code %d\n%s", r.code, r.stderr)
	}
	var report inspect.Report
	if err := json.Unmarshal([]byte(extpack(t, engine, ".", "inspect", "--files", "--format", "json", file).stdout), &report); err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Platforms[0].Files {
		// pack writes absolute names, without the folders above.
		if f.Path = strings.Trim(f.Path, "/"); strings.Count(f.Path, "/") > 1 {
			l.Files = append(l.Files, f)
		}
	}
	if len(l.Files) < 4 {
		t.Errorf("%s has the files %v", name, l.Files)
	}
	return l
}
