package workspace

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// tree writes files below a new working directory. A folder .git makes a
// repository.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

const valid = `[workspace]
members = ["extensions/*", "tools/x"]
exclude = ["extensions/old"]
tags = ["ghcr.io/acme/{{.Slug}}:{{.Version}}"]
targets = ["linux/amd64", "linux/arm64"]
labels = { team = "a" }
annotations = { owner = "b" }
`

func sample(t *testing.T) string {
	return tree(t, map[string]string{
		"extpack.toml":                  valid,
		"extensions/b/extension.toml":   "",
		"extensions/a/extension.toml":   "",
		"extensions/c/package.toml":     "",
		"extensions/old/extension.toml": "",
		"extensions/docs/README.md":     "",
		"extensions/file.txt":           "",
		"tools/x/extension.toml":        "",
		"elsewhere/extension.toml":      "",
	})
}

func TestRead(t *testing.T) {
	dir := sample(t)
	w, err := Read(".")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"extensions/a", "extensions/b", "extensions/c", "tools/x"}; !slices.Equal(w.Members, want) {
		t.Errorf("members are %q, want %q", w.Members, want)
	}
	if len(w.Defaults.Targets) != 2 || w.Defaults.Labels["team"] != "a" || w.Defaults.Annotations["owner"] != "b" || len(w.Defaults.Tags) != 1 {
		t.Errorf("the settings are %+v", w.Defaults)
	}
	if w, err := Read(filepath.Join(dir, "tools")); w != nil || err != nil {
		t.Errorf("a folder without the file: %v, %v", w, err)
	}
}

// TestReadRefuses: a file of a repository never grants access.
func TestReadRefuses(t *testing.T) {
	for want, content := range map[string]string{
		"extpack.toml:1:3: [[trust]] is not supported in a workspace: a file of a repository cannot grant access": "[[trust]]\ndirectory = \"/\"\n",
		"extpack.toml:8:3: [[trust]] is not supported":                                                            valid + "[[trust]]\ndirectory = \"/\"\n",
		`extpack.toml:3:1: unknown key "allow"`:                                                                   "[workspace]\nmembers = [\".\"]\nallow = [\"ssh\"]\n",
		"extpack.toml: missing [workspace]":                                                                       "",
		"extpack.toml:1:1: members is required":                                                                   "[workspace]\n",
		`extpack.toml:2:12: "../other" is outside the workspace`:                                                  "[workspace]\nmembers = [\"../other\"]\n",
		`extpack.toml:2:17: "/etc" is outside the workspace`:                                                      "[workspace]\nmembers = [\".\", \"/etc\"]\n",
		`extpack.toml:2:12: the pattern "[" is not valid`:                                                         "[workspace]\nmembers = [\"[\"]\n",
		`extpack.toml:2:12: folder "x" not found`:                                                                 "[workspace]\nmembers = [\"x\"]\n",
		`extpack.toml:2:12: member "a\nb" contains a control character`:                                           "[workspace]\nmembers = [\"a\\nb\"]\n",
		`extpack.toml:3:9: tag "a\nb" contains a control character`:                                               "[workspace]\nmembers = [\".\"]\ntags = [\"a\\nb\"]\n",
		"extpack.toml:2:12: no member contains an extension":                                                      "[workspace]\nmembers = [\"x*\"]\n",
		`extpack.toml:3:12: target "linux" is not os/arch`:                                                        "[workspace]\nmembers = [\".\"]\ntargets = [\"linux\"]\n",
		`extpack.toml:3:12: label "io.buildpacks.x": names that begin`:                                            "[workspace]\nmembers = [\".\"]\nlabels = { \"io.buildpacks.x\" = \"y\" }\n",
		`extpack.toml:3:16: tag "x y": invalid reference format`:                                                  "[workspace]\nmembers = [\".\"]\ntags = [\"a:1\", \"x y\"]\n",
		`extpack.toml:3:9: tag "{{.Nme}}": `:                                                                      "[workspace]\nmembers = [\".\"]\ntags = [\"{{.Nme}}\"]\n",
		`extpack.toml:2:1: key "Members" in [workspace] is ambiguous`:                                             "[workspace]\nMembers = [\".\"]\nmembers = [\".\"]\n",
		"extpack.toml:2:11: members in [workspace] must be an array of strings":                                   "[workspace]\nmembers = \".\"\n",
		"extpack.toml:1:": "[workspace\n",
	} {
		tree(t, map[string]string{"extpack.toml": content})
		if _, err := Read("."); !diag.IsInvalid(err) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

// TestMembersAreNotElsewhere: a link in a repository does not make a folder of
// the user's a member of its workspace.
func TestMembersAreNotElsewhere(t *testing.T) {
	for _, pattern := range []string{"link", "folder/*", "folder/x"} {
		dir := tree(t, map[string]string{"work/extpack.toml": "[workspace]\nmembers = [\"" + pattern + "\"]\n", "mine/x/extension.toml": ""})
		for link, target := range map[string]string{"link": "../mine/x", "folder": "../mine"} {
			if err := os.Symlink(target, filepath.Join(dir, "work", link)); err != nil {
				t.Fatal(err)
			}
		}
		if w, err := Read("work"); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "extpack.toml:2:12: ") || !strings.Contains(err.Error(), "is a link to outside of the workspace") {
			t.Errorf("%s: %v, %v", pattern, w, err)
		}
	}
}

// TestPatternsAreBounded: links to the folder itself make the number of matches
// exponential.
func TestPatternsAreBounded(t *testing.T) {
	for _, key := range []string{"members", "members = [\"x\"]\nexclude"} {
		dir := tree(t, map[string]string{"extpack.toml": "[workspace]\n" + key + " = [\"" + strings.Repeat("*/", 30) + "x\"]\n"})
		for i := range 10 {
			if err := os.Symlink(".", filepath.Join(dir, strconv.Itoa(i))); err != nil {
				t.Fatal(err)
			}
		}
		if w, err := Read("."); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "would be compared with more than 100000 entries") {
			t.Errorf("%s: %v, %v", key, w, err)
		}
	}
}

// TestPositions: labels and annotations are named with their place.
func TestPositions(t *testing.T) {
	tree(t, map[string]string{"extpack.toml": "[workspace]\nmembers = [\".\"]\nlabels = { a = \"1\" }\n[workspace.annotations]\nb = \"2\"\n", "extension.toml": ""})
	w, err := Read(".")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Defaults.LabelPositions["a"].String(); got != "extpack.toml:3:12" {
		t.Errorf("the label is at %s", got)
	}
	if got := w.Defaults.AnnotationPositions["b"].String(); got != "extpack.toml:5:1" {
		t.Errorf("the annotation is at %s", got)
	}
}

func TestExpand(t *testing.T) {
	sample(t)
	got, err := Expand([]string{".", "elsewhere", "missing"})
	if want := []string{"extensions/a", "extensions/b", "extensions/c", "tools/x", "elsewhere", "missing"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	got, err = WithoutOthers([]string{"extensions/a", "extensions/docs", "extensions/file.txt", "extensions/c", ".", "missing"})
	if want := []string{"extensions/a", "extensions/c", ".", "missing"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := WithoutOthers([]string{"extensions/docs"}); !diag.IsInvalid(err) {
		t.Errorf("nothing left: %v", err)
	}
}

// TestDirs: an extension is named once, by itself or as a member.
func TestDirs(t *testing.T) {
	sample(t)
	got, err := Dirs([]string{"missing", ".", "missing"})
	if want := []string{"missing", "extensions/a", "extensions/b", "extensions/c", "tools/x", "missing"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Dirs([]string{".", "./extensions/b/"}); !diag.IsInvalid(err) || err.Error() != "extensions/b and ./extensions/b/ are the same directory" {
		t.Errorf("got %v", err)
	}
}

// TestDefaultsOf: the settings are those of the workspace of a member, within
// the repository.
func TestDefaultsOf(t *testing.T) {
	dir := sample(t)
	check := func(name string, want bool) {
		t.Helper()
		d, err := DefaultsOf(name)
		if err != nil || len(d.Tags) > 0 != want {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	check("extensions/a", true)
	check("extensions/c/package.toml", true)
	check("extensions/old", false)
	check("elsewhere", false)
	check("missing", false)
	t.Chdir("extensions/a")
	check(".", false) // outside a repository, above the working directory
	for name, content := range map[string]string{".git/HEAD": "", ".git/objects/x": "", ".git/refs/x": ""} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check(".", true)
	check("../old", false)
}
