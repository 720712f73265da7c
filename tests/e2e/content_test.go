package e2e_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/plan"
)

// awkwardExtension has every kind of entry and name that may enter a package,
// and those that must not.
func awkwardExtension(t *testing.T, toml string) string {
	t.Helper()
	dir := extensionDir(t, map[string]string{
		"extension.toml":              toml,
		"bin/detect":                  script,
		"bin/generate":                script,
		"README.md":                   "read me",
		".hidden":                     "dot",
		"with space/and 'quote\".txt": "x",
		"ünï/日本.txt":                  "x",
		"$HOME/${x}.txt":              "x",
		"glob/[a]*.txt":               "x",
		"-dash":                       "x",
		"empty.txt":                   "",
		strings.Repeat("n", 200) + "/" + strings.Repeat("m", 200): "x",
		".git/HEAD":             "ref",
		"sub/.git":              "gitdir: ../.git",
		"sub/kept":              "x",
		"logs/a.log":            "ignored",
		"logs/keep.log":         "kept by a negation",
		"old.cnb":               "x",
		"sub/older.cnb":         "x",
		"docker-bake.hcl":       "x",
		"sub/docker-bake.hcl":   "not at the root, so it stays",
		"shared/lib.sh":         "shared",
		"linux/amd64/bin/tool":  script,
		"linux/amd64/only":      "amd64",
		"linux/arm64/bin/tool":  script,
		"linux/arm64/bin/extra": script,
		".dockerignore":         "# comment\nlogs/*\n!logs/keep.log\n**/*.tmp\n/with space/none\n",
		"x/y/z.tmp":             "ignored",
	})
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "empty"), 0o700))
	must(os.Symlink("README.md", filepath.Join(dir, "link")))
	must(os.Symlink("sub", filepath.Join(dir, "dirlink")))
	must(os.Symlink("missing", filepath.Join(dir, "dangling")))
	must(os.Symlink("missing", filepath.Join(dir, "linux/amd64/dangling")))
	must(os.Symlink("missing", filepath.Join(dir, "shared/dangling")))
	must(os.Chmod(filepath.Join(dir, "bin/generate"), 0o600)) // the package has it as an executable file
	must(os.Chmod(filepath.Join(dir, "README.md"), 0o400))
	must(os.WriteFile(filepath.Join(dir, "setuid"), nil, 0o755))
	must(os.Chmod(filepath.Join(dir, "setuid"), 0o755|os.ModeSetuid))
	must(os.Link(filepath.Join(dir, "README.md"), filepath.Join(dir, "hardlink")))
	return dir
}

// contentCases are descriptors for awkwardExtension.
var contentCases = map[string]string{
	"extension root":        descriptor("e2e/content", "\n[[targets]]\nos = \"linux\"\narch = \"s390x\"\npath = \".\"\n"),
	"platform roots":        descriptor("e2e/content", linuxTargets+"\n[metadata.extpack]\nshared = [\"shared\", \"README.md\", \"with space\", \"bin\"]\n"),
	"include-files":         descriptor("e2e/content", "\n[[targets]]\nos = \"linux\"\narch = \"s390x\"\npath = \".\"\n\n[metadata]\ninclude-files = [\"bin/detect\", \"sub\", \"link\", \"logs\", \"ünï/日本.txt\"]\n"),
	"include-files, roots":  descriptor("e2e/content", linuxTargets+"\n[metadata]\ninclude-files = [\"linux/arm64/bin/extra\", \"bin/tool\", \"only\"]\n"),
	"named links":           descriptor("e2e/content", "\n[[targets]]\nos = \"linux\"\narch = \"s390x\"\npath = \".\"\n\n[metadata]\ninclude-files = [\"bin/detect\", \"link\", \"hardlink\", \"README.md\", \"dirlink\"]\n"),
	"targets.path":          descriptor("e2e/content", "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\npath = \"with space\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\npath = \"./sub/\"\n"),
	"from platform folders": descriptor("e2e/content", ""),
}

// TestPackageHoldsWhatThePlanSays compares every layer with the plan's own list
// of files: the rules in package content must be BuildKit's.
func TestPackageHoldsWhatThePlanSays(t *testing.T) {
	t.Parallel()
	for name, toml := range contentCases {
		t.Run(name, func(t *testing.T) {
			dir := awkwardExtension(t, toml)
			ref := tag(t, "1")
			ref = strings.ReplaceAll(strings.ReplaceAll(ref, "_", "-"), ",", "")
			mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref)
			p, _, err := plan.New(t.Context(), []string{dir}, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			tree, err := content.Read(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			built := fetch(t, ref)
			for i, image := range p.Extensions[0].Images {
				files, err := tree.Apply(image.Steps)
				if err != nil {
					t.Fatal(err)
				}
				compareFiles(t, built.images[i], predicted(files, strings.Trim(p.Extensions[0].Dest(), "/")))
			}
		})
	}
}

// predicted returns what a layer lists for files: folded modes, and the folders
// above them.
func predicted(files content.Files, dest string) map[string]string {
	out := map[string]string{}
	add := func(name string, mode fs.FileMode) {
		out[name] = mode.String()
		for parent := path.Dir(name); parent != "." && out[parent] == ""; parent = path.Dir(parent) {
			out[parent] = (fs.ModeDir | 0o755).String()
		}
	}
	for name, f := range files {
		switch {
		case f.Mode.IsDir():
			add(path.Join(dest, name), fs.ModeDir|0o755)
		case f.Mode&fs.ModeSymlink != 0:
			add(path.Join(dest, name), fs.ModeSymlink|0o777)
		case f.Mode&0o111 != 0:
			add(path.Join(dest, name), 0o755)
		default:
			add(path.Join(dest, name), 0o644)
		}
	}
	return out
}

func compareFiles(t *testing.T, image publishedImage, want map[string]string) {
	t.Helper()
	got := image.names()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s: %s is %q, the plan says %q", image.platform(), name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want[name] == "" {
			t.Errorf("%s: %s is in the layer, not in the plan", image.platform(), name)
		}
	}
}

// TestChangedLinkIsSeen: a link that leads elsewhere, to a file with the same
// content, is another package; BuildKit's cache takes the two for one when
// COPY --exclude copies from the context root.
func TestChangedLinkIsSeen(t *testing.T) {
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/links", ""), "bin/detect": script, "a": "same", "b": "same",
	})
	link := filepath.Join(dir, "link")
	var digests []string
	for _, target := range []string{"a", "b"} {
		if err := os.RemoveAll(link); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digestOf(t, dir, tag(t, "1")))
		if got := fetch(t, tag(t, "1")).images[0].files["cnb/extensions/e2e_links/1.2.3/link"].Linkname; got != target {
			t.Errorf("link leads to %q, want %q", got, target)
		}
	}
	if digests[0] == digests[1] {
		t.Error("both links give the same package")
	}
}
