package peers_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

var platforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}

// base publishes an image for both platforms that pack takes as the base of a
// builder, and returns its reference.
func base(t *testing.T) string {
	t.Helper()
	l, err := ocilayout.Create(filepath.Join(t.TempDir(), "base"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	put := func(desc v1.Descriptor, err error) v1.Descriptor {
		if err != nil {
			t.Fatal(err)
		}
		return desc
	}
	var index v1.Index
	for i, p := range platforms {
		plain := layertest.Headers(t, tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o755})
		layer := put(l.PutBytes(t.Context(), v1.MediaTypeImageLayerGzip, layertest.Gzip(t, plain)))
		config := put(l.PutJSON(t.Context(), v1.MediaTypeImageConfig, v1.Image{
			Platform: p,
			Config: v1.ImageConfig{
				Env: []string{"CNB_USER_ID=1000", "CNB_GROUP_ID=1000", "PATH=/usr/bin:/bin"}, User: "1000:1000",
				Labels: map[string]string{"io.buildpacks.base.distro.name": "ubuntu", "io.buildpacks.base.distro.version": "24.04"},
			},
			RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(plain)}},
		}))
		m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: config, Layers: []v1.Descriptor{layer}}
		m.SchemaVersion = 2
		manifest := put(l.PutJSON(t.Context(), v1.MediaTypeImageManifest, m))
		manifest.Platform = &platforms[i]
		index.Manifests = append(index.Manifests, manifest)
	}
	if err := l.WriteIndex(index); err != nil {
		t.Fatal(err)
	}
	ref := tag(t, "base")
	extpack(t, t.TempDir(), "index", "create", "-t", ref, l.Dir())
	return ref
}

// phases are the programs of a lifecycle that pack asks for.
var phases = []string{"detector", "restorer", "analyzer", "builder", "exporter", "launcher", "creator", "extender"}

const lifecycleDescriptor = `[lifecycle]
version = "0.21.0"
[apis.buildpack]
deprecated = []
supported = ["0.7", "0.8", "0.9", "0.10", "0.11", "0.12"]
[apis.platform]
deprecated = []
supported = ["0.7", "0.8", "0.9", "0.10", "0.11", "0.12", "0.13", "0.14"]
`

// lifecycle writes an archive that pack takes for a lifecycle: it only copies
// the programs, and nothing here runs them.
func lifecycle(t *testing.T) string {
	t.Helper()
	entries := []layertest.Entry{layertest.File("lifecycle.toml", lifecycleDescriptor, 0o644)}
	for _, name := range phases {
		entries = append(entries, layertest.File("lifecycle/"+name, "#!/bin/sh\nexit 1\n", 0o755))
	}
	name := filepath.Join(t.TempDir(), "lifecycle.tgz")
	if err := os.WriteFile(name, layertest.Gzip(t, layertest.Tar(t, entries...)), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// file is a file as an image contains it; times and owners are the packer's.
type file struct {
	mode          int64
	kind          byte
	link, content string
}

// filesAt returns what the image of a reference for a platform has below
// /cnb/extensions, all layers together.
func filesAt(t *testing.T, name string, p v1.Platform) map[string]file {
	t.Helper()
	s, err := source.Open(t.Context(), registry.New(registry.Options{}), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	images, _, err := oci.Images(t.Context(), s, s.Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, desc := range images {
		got := desc.Platform
		if got == nil {
			found, _, err := oci.ConfigPlatform(t.Context(), s, desc)
			if err != nil {
				t.Fatal(err)
			}
			got = &found
		}
		if got.OS != p.OS || got.Architecture != p.Architecture {
			continue
		}
		manifest, _, err := oci.ReadManifest(t.Context(), s, desc)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]file{}
		for _, layer := range manifest.Layers {
			rc, err := oci.FetchVerified(t.Context(), s, layer)
			if err != nil {
				t.Fatal(err)
			}
			addFiles(t, files, rc)
			rc.Close()
		}
		return files
	}
	t.Fatalf("%s has no image for %s/%s", name, p.OS, p.Architecture)
	return nil
}

func addFiles(t *testing.T, files map[string]file, r io.Reader) {
	t.Helper()
	zr, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Trim(h.Name, "/")
		if !strings.HasPrefix(name, "cnb/extensions/") {
			continue
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file{h.Mode & 0o777, h.Typeflag, h.Linkname, string(content)}
	}
}

// extensionDir makes an extension whose files differ by platform.
func extensionDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ext")
	files := map[string]string{"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"peers/x\"\nversion = \"1.2.3\"\nname = \"X\"\n\n" +
		"[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"}
	for _, p := range platforms {
		root := p.OS + "/" + p.Architecture + "/"
		files[root+"bin/generate"] = "#!/bin/sh\necho " + p.Architecture + "\n"
		files[root+"bin/detect"] = "#!/bin/sh\n"
		files[root+"data/"+p.Architecture] = strings.Repeat(p.Architecture, 1000)
	}
	writeFiles(t, dir, files)
	if err := os.Symlink("generate", filepath.Join(dir, "linux/amd64/bin/link")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPackReadsOurs has "pack builder create --publish" put every form of
// package into a builder for two platforms, and compares the extension's files
// in each platform's image with ours.
func TestPackReadsOurs(t *testing.T) {
	dir, ext := t.TempDir(), extensionDir(t)
	bases, cycle := base(t), lifecycle(t)
	writeFiles(t, dir, map[string]string{
		"bp/buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"peers/bp\"\nversion = \"0.0.1\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n",
		"bp/bin/build":      "#!/bin/sh\n", "bp/bin/detect": "#!/bin/sh\n",
	})
	index, single, docker, baked, zstd := tag(t, "index"), tag(t, "single"), tag(t, "docker"), tag(t, "baked"), tag(t, "zstd")
	extpack(t, ext, "bake", "--complete", "-t", baked)
	buildx(t, ext, "bake", "--push")
	extpack(t, dir, "build", ext, "--push", "-t", index, "-o", "all.cnb", "-o", "x-{{.OS}}-{{.Arch}}{{.Variant}}.cnb")
	extpack(t, dir, "build", ext, "--push", "-t", docker, "--media-types", "docker")
	extpack(t, dir, "build", ext, "--push", "-t", zstd, "--compression", "zstd")
	extpack(t, dir, "build", ext, "--push", "-t", single, "--single", "--target", "linux/amd64")

	ours := map[string]map[string]file{}
	for _, p := range platforms {
		ours[p.Architecture] = filesAt(t, index, p)
		if len(ours[p.Architecture]) < 6 {
			t.Fatalf("%s: %v", p.Architecture, slices.Sorted(maps.Keys(ours[p.Architecture])))
		}
	}
	whatever := filepath.Join(dir, "any")
	writeFiles(t, whatever, map[string]string{
		"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"peers/x\"\nversion = \"1.2.3\"\nname = \"X\"\n",
		"bin/generate":   "#!/bin/sh\necho any\n", "bin/detect": "#!/bin/sh\n", "data": "any",
	})
	anyPlatform := tag(t, "any")
	extpack(t, dir, "build", whatever, "--push", "-t", anyPlatform, "-o", "any.cnb")
	ours["any"] = filesAt(t, anyPlatform, platforms[0])
	for name, c := range map[string]struct {
		extension string // in builder.toml
		platforms []v1.Platform
		takes     string // whose files pack takes, "" for those of the platform
	}{
		"index by image":        {"image = " + quote(index), platforms, ""},
		"index by uri":          {"uri = " + quote(index), platforms, ""},
		"docker list":           {"image = " + quote(docker), platforms, ""},
		"zstd":                  {"image = " + quote(zstd), platforms, ""},
		"single image":          {"image = " + quote(single), platforms[:1], ""},
		"any platform by image": {"image = " + quote(anyPlatform), platforms, "any"},
		"any platform by file":  {"uri = " + quote(filepath.Join(dir, "any.cnb")), platforms, "any"},
		"file for amd64":        {"uri = " + quote(filepath.Join(dir, "x-linux-amd64.cnb")), platforms[:1], ""},
		"file for arm64":        {"uri = " + quote(filepath.Join(dir, "x-linux-arm64.cnb")), platforms[1:], ""},
		"file for all on amd64": {"uri = " + quote(filepath.Join(dir, "all.cnb")), platforms[:1], ""},
		"file for all on arm64": {"uri = " + quote(filepath.Join(dir, "all.cnb")), platforms[1:], "amd64"}, // what we warn of
	} {
		t.Run(strings.ReplaceAll(strings.TrimSpace(name), " ", "-"), func(t *testing.T) {
			builder := tag(t, "builder")
			writeBuilder(t, dir, c.extension, bases, cycle)
			args := []string{"builder", "create", builder, "--config", filepath.Join(dir, "builder.toml"), "--publish"}
			for _, p := range c.platforms {
				args = append(args, "--target", p.OS+"/"+p.Architecture)
			}
			pack(t, dir, args...)
			for _, p := range c.platforms {
				want := ours[p.Architecture]
				if c.takes != "" {
					want = ours[c.takes]
				}
				compareFiles(t, p.Architecture, filesAt(t, builder, p), want)
			}
		})
	}
}

// writeBuilder writes a builder.toml into dir, which has the buildpack in "bp".
func writeBuilder(t *testing.T, dir, extension, base, lifecycle string) {
	t.Helper()
	writeFiles(t, dir, map[string]string{"builder.toml": fmt.Sprintf(`
[[extensions]]
%s
[[order-extensions]]
[[order-extensions.group]]
id = "peers/x"
version = "1.2.3"
[[buildpacks]]
uri = %s
[[order]]
[[order.group]]
id = "peers/bp"
version = "0.0.1"
[build]
image = %s
[run]
[[run.images]]
image = %s
[lifecycle]
uri = %s
`, extension, quote(filepath.Join(dir, "bp")), quote(base), quote(base), quote(lifecycle))})
}

func quote(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// compareFiles compares what is below the extension's directory.
func compareFiles(t *testing.T, what string, got, want map[string]file) {
	t.Helper()
	const dir = "cnb/extensions/peers_x/1.2.3/"
	for name, f := range want {
		if !strings.HasPrefix(name, dir) {
			continue
		}
		if g, ok := got[name]; !ok || g != f {
			t.Errorf("%s: %s is %+v (%v), want %+v", what, name, g, ok, f)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok && strings.HasPrefix(name, dir) {
			t.Errorf("%s: %s is not ours", what, name)
		}
	}
}

// TestPackAndZstd: pack reads zstd layers in a registry, which TestPackReadsOurs
// shows, and does not expand those in a package file. verify
// reports both.
func TestPackAndZstd(t *testing.T) {
	dir, ext, ref := t.TempDir(), extensionDir(t), tag(t, "1")
	extpack(t, dir, "build", ext, "--push", "-t", ref, "--compression", "zstd", "--engine", "embedded")
	if r := runIn(t, dir, world.plugin, "verify", ref); r.code != 0 || !strings.Contains(r.stdout+r.stderr, "layer-compression") {
		t.Errorf("verify of an image: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	extpack(t, dir, "index", "create", ref, "-o", "zstd.cnb")
	if r := runIn(t, dir, world.plugin, "verify", "zstd.cnb"); r.code != 2 || !strings.Contains(r.stdout+r.stderr, "file-compression") {
		t.Errorf("verify of a file: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	writeFiles(t, dir, map[string]string{
		"bp/buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"peers/bp\"\nversion = \"0.0.1\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
		"bp/bin/build":      "#!/bin/sh\n", "bp/bin/detect": "#!/bin/sh\n",
	})
	writeBuilder(t, dir, "uri = "+quote(filepath.Join(dir, "zstd.cnb")), base(t), lifecycle(t))
	r := runIn(t, dir, world.pack, "builder", "create", tag(t, "builder"), "--config", filepath.Join(dir, "builder.toml"), "--publish", "--target", "linux/amd64", "--no-color")
	if r.code == 0 || !strings.Contains(r.stdout+r.stderr, "invalid tar header") {
		t.Errorf("pack reads zstd in a package file now: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestPackInspectsOurs: pack's own inspection reads what we push.
func TestPackInspectsOurs(t *testing.T) {
	ext, ref := extensionDir(t), tag(t, "1")
	extpack(t, t.TempDir(), "build", ext, "--push", "-t", ref)
	out := pack(t, t.TempDir(), "extension", "inspect", ref)
	for _, want := range []string{"peers/x", "1.2.3"} {
		if !strings.Contains(out, want) {
			t.Errorf("pack extension inspect does not say %q:\n%s", want, out)
		}
	}
}
