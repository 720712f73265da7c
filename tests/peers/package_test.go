package peers_test

import (
	"archive/tar"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// packageLines are arguments of "pack extension package". REF is a reference of
// the tool that runs, without a tag.
var packageLines = []struct {
	args string
	// fails reports whether both tools refuse.
	fails bool
	// differs says why the results are not compared, what we do better.
	differs string
	// extpack is what only our tool writes: images by name.
	extpack map[string][]string
}{
	{args: "REF --path ext --publish"},
	{args: "REF:1 -p ext --publish"},
	{args: "REF:1 -p ext --publish --target linux/arm64"},
	{args: "REF:1 -p ext --publish -t linux/amd64 -t linux/arm64"},
	{args: "REF:1 -p ext --publish --target linux/arm64,linux/amd64"},
	{args: "REF:1 -p ext --publish --format image --pull-policy if-not-present"},
	{args: "REF:1 --config package.toml --path ext --publish"},
	{args: "REF:1 -c other.toml -p ext --publish --target linux/amd64"},
	{args: "REF:1 -p ext --publish --no-color --timestamps -v"},
	{args: "REF:1 -p ext --publish --force-color -q"},
	{args: "REF:1 -p plain --publish --target linux/arm/v6 --target linux/arm/v7"},
	{args: "REF:1 -p plain --publish --target linux/amd64:ubuntu@24.04"},
	{args: "REF:1 -p ext --publish --target ''"},
	{args: "--publish REF:1 --path=ext/ -fimage --pull-policy=always --publish=true"},
	{args: "REF:1 -p ./ext --publish -qv"},
	{args: "REF:1 -p plain --publish --target linux/amd64/v2,linux/mips64le"},
	{args: "out -p ext --format file"},
	{args: "out.cnb -p ext -f file --target linux/amd64"},
	{args: "sub/out.cnb --path ext --config package.toml --format file --target linux/amd64 --target linux/arm64"},
	{args: "out -p plain --format file --publish --target linux/amd64"},

	{
		args: "REF:1 -p ext --publish --tag REF:a --tag REF:b", differs: "pack publishes the last platform only under the other tags",
		extpack: map[string][]string{"REF:1": {"linux/amd64", "linux/arm64"}, "REF:a": {"linux/amd64", "linux/arm64"}, "REF:b": {"linux/amd64", "linux/arm64"}},
	},
	{
		args: "REF:1 --config package.toml --publish", differs: "without --path, pack does not read the targets of the descriptor",
		extpack: map[string][]string{"REF:1": {"linux/amd64", "linux/arm64"}},
	},
	{
		args: "REF:1 -c package.toml -p plain --publish", differs: "pack packages what --config names for the targets of --path, here none",
		extpack: map[string][]string{"REF:1": {"linux/amd64", "linux/arm64"}},
	},
	{
		args: "out -p ext --format file --publish", differs: "pack writes the files, and fails as it pushes an index of them",
		extpack: map[string][]string{"out-linux-amd64.cnb": {"linux/amd64"}, "out-linux-arm64.cnb": {"linux/arm64"}},
	},
	{
		args: "out -p plain --format file --target linux/arm/v6 --target linux/arm/v7", differs: "pack writes one file over the other",
		extpack: map[string][]string{"out-linux-armv6.cnb": {"linux/arm/v6"}, "out-linux-armv7.cnb": {"linux/arm/v7"}},
	},

	{
		args: "REF:1 -p plain --publish --target linux/arm64/v8", differs: "pack does not know the variant, which docker and buildx do",
		extpack: map[string][]string{"REF:1": {"linux/arm64"}},
	},

	{
		args: "REF:1 -p plain --publish --target linux/amd64:ubuntu@22.04;debian@12", differs: "pack fails as it pushes an index of both",
		extpack: map[string][]string{"REF:1": {"linux/amd64"}},
	},
	{
		args: "REF:1 -p plain --publish --target linux/amd64:ubuntu@22.04@24.04", differs: "pack does not take several versions of a distro",
		extpack: map[string][]string{"REF:1": {"linux/amd64"}},
	},
	{
		args: "REF:1 -c targets.toml --publish", differs: "without --path, pack reads no targets",
		extpack: map[string][]string{"REF:1": {"linux/arm64"}},
	},
	{
		args: "REF:1 -c platform.toml --publish", differs: "pack publishes an image without an architecture",
		extpack: map[string][]string{"REF:1": {"linux/amd64"}},
	},
	{
		args: "REF:1 -c path.toml --publish", differs: "pack does not know the path of a target (RFC 0128)",
		extpack: map[string][]string{"REF:1": {"linux/arm64"}},
	},
	{
		args: "REF:1 -p plain --publish --target Linux/x86_64", differs: "pack does not know other names of a platform, which docker and buildx do",
		extpack: map[string][]string{"REF:1": {"linux/amd64"}},
	},
	{args: "REF:1 -c ../outside.toml --publish", fails: true, differs: "the extension is outside the repository of package.toml"},
	{args: "REF:1 -c url.toml --publish", fails: true, differs: "the extension is on another machine, and pack downloads it"},

	{args: "REF:1 -c platform.toml --publish --target linux/arm64"},
	{args: "REF:1 -c dependencies.toml -p ext --publish"},
	{args: "REF:1 -p plain --publish --target linux/amd64:ubuntu"},
	{args: "REF:1 -p plain --publish --target linux/amd64:ubuntu@"},
	{args: "REF:1 -p plain --publish --target linux/amd64:"},
	{args: "REF:1 -p plain --publish --target linux/amd64/"},
	{args: "REF:1 -p plain --publish --target linux/amd64/v3/x"},
	{args: "REF:1 -p plain --publish --target linux/amd64:ubuntu@22.04:debian@12"},
	{args: "out-1.0.0 -p plain --format file --target linux/amd64"},
	{args: "out.tgz -p ext --format file"},
	{args: "REF:1 --publish --path ext.tgz --target linux/amd64"},
	{args: "REF:1 --publish --path sub/../ext --target linux/amd64"},
	{args: "REF:1 -c sub/plain.toml --publish --target linux/amd64"},
	{args: "REF:1 -c archive.toml -p ext --publish --target linux/arm64"},
	{args: "REF:1 -c file.toml -p ext --publish"},
	{args: "REF:1 -c both.toml -p ext --publish"},
	{args: "REF:1 -c windows.toml -p ext --publish --target linux/amd64"},

	{args: "REF:1 -c key.toml --publish", fails: true},
	{args: "REF:1 -c empty.toml --publish", fails: true},
	{args: "REF:1 -c windows.toml --publish", fails: true},
	{args: "REF:1 -p plain --publish --target linux/amd64:ubuntu@22.04;", fails: true},
	{args: "REF:1 -p plain --publish --target :ubuntu@22.04", fails: true},
	{args: "REF:1 -p plain --publish -r x", fails: true},
	{args: "REF:1 -p https://example.invalid/ext.tgz --publish", fails: true},
	{args: "REF:1 -p ext --publish --target linux", fails: true},
	{args: "REF:1 -p plain --publish --target linux/amd64:@22.04", fails: true},
	{args: "REF:1 -p ext --publish --flatten", fails: true},
	{args: "REF:1 -p ext --publish --buildpack-registry x", fails: true},
	{args: "REF:1 -p ext --publish --label a=b", fails: true},
	{args: "REF:1 -p ext --publish=perhaps", fails: true},
	{args: "REF@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -p ext --publish", fails: true},
	{args: "REF:1 -c buildpack.toml --publish", fails: true},
	{args: "missing/out.cnb -p ext -f file --target linux/amd64", fails: true},
	{args: "REF:1 -p ext --publish --target linux/amd46", fails: true},
	{args: "REF:1 -p ext --publish --pull-policy never", fails: true},
	{args: "REF:1 -p ext --publish --pull-policy sometimes", fails: true},
	{args: "REF:1 -p ext --publish --format oci", fails: true},
	{args: "REF:1 -p missing --publish", fails: true},
	{args: "REF:1 -c missing.toml --publish", fails: true},
	{args: "REF:1 -c ext/extension.toml --publish", fails: true},
	{args: "REF:1 -p ext/extension.toml --publish", fails: true},
	{args: "REF:1 -p broken --publish", fails: true},
	{args: "REF/UPPER -p ext --publish", fails: true},
	{args: "REF:1 REF:2 -p ext --publish", fails: true},
	{args: "--path ext --publish", fails: true},
	{args: "REF:1 -p ext --publish --unknown", fails: true},
	{args: "local/name -p ext", fails: true}, // there is no Docker Engine
}

// TestPackageCommandLines runs "docker extpack package" and "pack extension
// package" with the same arguments, and compares what they write.
func TestPackageCommandLines(t *testing.T) {
	for i, line := range packageLines {
		t.Run(strings.ReplaceAll(line.args, "/", "_"), func(t *testing.T) {
			t.Parallel()
			env := []string{"BUILDX_BUILDER=", "DOCKER_CONFIG=" + t.TempDir(), "DOCKER_HOST=unix:///nonexistent"}
			if i == 0 {
				env = nil // with buildx
			}
			results := map[string]map[string]packaged{}
			for _, tool := range []string{"pack", "extpack"} {
				dir := packageDir(t)
				repository := world.Registry() + "/lines/" + tool + string(rune('a'+i%26)) + string(rune('a'+i/26))
				args := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(line.args, "''", "\x00"), "REF", repository))
				for j := range args {
					args[j] = strings.ReplaceAll(args[j], "\x00", "")
				}
				program, args := world.plugin, append([]string{"package"}, args...)
				if tool == "pack" {
					program, args = world.pack, append([]string{"extension"}, args...)
				}
				r := runWith(t, env, dir, program, args...)
				if (r.code != 0) != line.fails && (tool == "extpack" || line.differs == "") {
					t.Errorf("%s %s: exit code %d\n%s%s", tool, strings.Join(args, " "), r.code, r.stdout, r.stderr)
					continue
				}
				results[tool] = written(t, dir, repository, args)
			}
			switch {
			case line.fails:
				if n := len(results["extpack"]); n > 0 {
					t.Errorf("refused, but %d packages were written", n)
				}
			case line.differs != "":
				comparePlatforms(t, results["extpack"], line.extpack)
			default:
				comparePackaged(t, results["extpack"], results["pack"])
			}
		})
	}
}

// TestPackageFlags compares the flags that both tools list, with their short
// names.
func TestPackageFlags(t *testing.T) {
	flags := func(help string) (all []string) {
		for _, m := range regexp.MustCompile(`(?m)^ +(?:(-\w), )?(--[a-z-]+)`).FindAllStringSubmatch(help, -1) {
			all = append(all, strings.TrimSpace(m[1]+" "+m[2]))
		}
		return all
	}
	ours := flags(extpack(t, t.TempDir(), "package", "--help"))
	theirs := flags(pack(t, t.TempDir(), "extension", "package", "--help"))
	if len(theirs) < 12 {
		t.Fatalf("pack lists the flags %q", theirs)
	}
	page, err := os.ReadFile("../../docs/pack.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range theirs {
		if _, long, _ := strings.Cut(flag, "--"); long != "help" && !strings.Contains(string(page), "--"+long+"`") && !strings.Contains(string(page), "--"+long+" ") {
			t.Errorf("docs/pack.md does not have --%s", long)
		}
		if !slices.Contains(ours, flag) && flag != "-h --help" {
			t.Errorf("pack has %s, docker extpack package has %q", flag, ours)
		}
	}
}

// packageDir returns a working directory with what the lines name.
func packageDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Rename(extensionDir(t), filepath.Join(dir, "ext")); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, map[string]string{
		"package.toml":          "[extension]\nuri = \"ext\"\n",
		"other.toml":            "[extension]\nuri = \"./ext\"\n",
		"targets.toml":          "[extension]\nuri = \"plain\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n",
		"platform.toml":         "[extension]\nuri = \"plain\"\n\n[platform]\nos = \"linux\"\n",
		"path.toml":             "[extension]\nuri = \"plain\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\npath = \".\"\n",
		"dependencies.toml":     "[extension]\nuri = \"ext\"\n\n[[dependencies]]\nuri = \"none\"\n",
		"../outside.toml":       "[extension]\nuri = \"../" + filepath.Base(dir) + "/ext\"\n",
		"url.toml":              "[extension]\nuri = \"http://127.0.0.1:1/ext.tgz\"\n",
		"sub/plain.toml":        "[extension]\nuri = \"../plain\"\n",
		"archive.toml":          "[extension]\nuri = \"ext.tgz\"\n",
		"file.toml":             "[extension]\nuri = \"file://" + filepath.Join(dir, "ext") + "\"\n",
		"both.toml":             "[extension]\nuri = \"ext\"\n\n[buildpack]\nuri = \".\"\n",
		"windows.toml":          "[extension]\nuri = \"ext\"\n\n[platform]\nos = \"windows\"\n",
		"empty.toml":            "",
		".git/HEAD":             "ref: refs/heads/main\n",
		".git/objects/.keep":    "",
		".git/refs/.keep":       "",
		"key.toml":              "[extension]\nuri = \"ext\"\nname = \"x\"\n",
		"buildpack.toml":        "[buildpack]\nuri = \"ext\"\n",
		"plain/extension.toml":  "api = \"0.10\"\n\n[extension]\nid = \"peers/plain\"\nversion = \"0.0.1\"\n",
		"plain/bin/generate":    "#!/bin/sh\n",
		"plain/bin/detect":      "#!/bin/sh\n",
		"broken/extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"peers/broken\"\n",
		"sub/.keep":             "",
	})
	bin := layertest.File("bin/", "", 0o755)
	bin.Typeflag = tar.TypeDir
	archive := layertest.Gzip(t, layertest.Tar(t, bin,
		layertest.File("extension.toml", "api = \"0.10\"\n\n[extension]\nid = \"peers/archive\"\nversion = \"0.0.1\"\n", 0o644),
		layertest.File("bin/generate", "#!/bin/sh\n", 0o755), layertest.File("bin/detect", "#!/bin/sh\n", 0o755)))
	if err := os.WriteFile(filepath.Join(dir, "ext.tgz"), archive, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// packaged is an image as written: its labels without diffIDs, and its files.
type packaged struct {
	platform string
	labels   map[string]string
	files    map[string]file
}

// written returns the images of each package by name and platform, with the
// placeholder for the repository.
func written(t *testing.T, dir, repository string, args []string) map[string]packaged {
	t.Helper()
	all := map[string]packaged{}
	for name, ref := range names(t, dir, repository, args) {
		s, err := source.Open(t.Context(), registry.New(registry.Options{}), ref)
		if err != nil {
			continue // not published
		}
		for _, image := range imagesOf(t, s) {
			all[name+" "+image.platform] = image
		}
		s.Close()
	}
	return all
}

// names returns the references in args and the package files in dir.
func names(t *testing.T, dir, repository string, args []string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, arg := range args {
		if strings.HasPrefix(arg, repository) {
			found[strings.Replace(arg, repository, "REF", 1)] = arg
		}
	}
	for _, pattern := range []string{"*.cnb", "sub/*.cnb", "out*.0", "out*.tgz"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			found[strings.TrimPrefix(file, dir+"/")] = file
		}
	}
	return found
}

var diffID = regexp.MustCompile(`"layerDiffID":"sha256:[0-9a-f]{64}"`)

func imagesOf(t *testing.T, s *source.Source) []packaged {
	t.Helper()
	descs := []v1.Descriptor{s.Root}
	if oci.IsIndex(s.Root.MediaType) {
		var err error
		if descs, _, err = oci.Images(t.Context(), s, s.Root); err != nil {
			t.Fatal(err)
		}
	}
	var all []packaged
	for _, desc := range descs {
		manifest, _, err := oci.ReadManifest(t.Context(), s, desc)
		if err != nil {
			t.Fatal(err)
		}
		config, _, err := oci.ReadConfig(t.Context(), s, manifest.Config)
		if err != nil {
			t.Fatal(err)
		}
		image := packaged{labels: map[string]string{}, files: map[string]file{}}
		image.platform = strings.TrimSuffix(config.OS+"/"+config.Architecture+"/"+config.Variant, "/")
		for _, key := range []string{"io.buildpacks.buildpackage.metadata", "io.buildpacks.extension.layers"} {
			image.labels[key] = diffID.ReplaceAllString(config.Config.Labels[key], `"layerDiffID":""`)
		}
		for _, layer := range manifest.Layers {
			rc, err := oci.FetchVerified(t.Context(), s, layer)
			if err != nil {
				t.Fatal(err)
			}
			addFiles(t, image.files, rc)
			rc.Close()
		}
		for name, f := range image.files {
			if f.kind == tar.TypeSymlink { // the mode of a link has no meaning
				f.mode = 0
				image.files[name] = f
			}
		}
		all = append(all, image)
	}
	return all
}

func comparePackaged(t *testing.T, ours, theirs map[string]packaged) {
	t.Helper()
	if len(theirs) == 0 {
		t.Fatal("pack wrote nothing")
	}
	if got, want := slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(theirs)); !slices.Equal(got, want) {
		t.Fatalf("images are %q, pack's are %q", got, want)
	}
	for name, want := range theirs {
		got := ours[name]
		for key, value := range want.labels {
			if got.labels[key] != value || value == "" {
				t.Errorf("%s: label %s is\n%s\npack writes\n%s", name, key, got.labels[key], value)
			}
		}
		if len(want.files) < 4 {
			t.Errorf("%s: pack wrote %d files", name, len(want.files))
		}
		for path := range maps.Keys(merged(got.files, want.files)) {
			if g, w := got.files[path], want.files[path]; g != w {
				t.Errorf("%s: %s is %.200v, pack's is %.200v", name, path, g, w)
			}
		}
	}
}

func merged(a, b map[string]file) map[string]file {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func comparePlatforms(t *testing.T, ours map[string]packaged, want map[string][]string) {
	t.Helper()
	var wanted []string
	for name, platforms := range want {
		for _, p := range platforms {
			wanted = append(wanted, name+" "+p)
		}
	}
	slices.Sort(wanted)
	if got := slices.Sorted(maps.Keys(ours)); !slices.Equal(got, wanted) {
		t.Errorf("images are %q, want %q", got, wanted)
	}
}
