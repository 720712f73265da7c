package plan

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
)

const amd64AndArm64 = "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"

func TestFilesOfImages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		toml  string
		files files
		want  []map[string]string // without extension.toml
	}{
		{"the extension root without what never enters", "", files{
			"bin/detect": "", ".git/HEAD": "", "x.cnb": "", "docker-bake.hcl": "", "README.md": "", ".dockerignore": "README.md", "package.toml": "",
		}, []map[string]string{{"bin/detect": "bin/detect", ".dockerignore": ".dockerignore", "package.toml": "package.toml"}}},
		{"platform roots hold nothing of the extension root", amd64AndArm64, files{
			"linux/amd64/bin/detect": "", "linux/arm64/bin/generate": "", "linux/arm64/.git/HEAD": "", "README.md": "", "bin/detect": "",
		}, []map[string]string{{"bin/detect": "linux/amd64/bin/detect"}, {"bin/generate": "linux/arm64/bin/generate"}}},
		{"a platform without a folder has the os folder", amd64AndArm64, files{
			"linux/arm64/bin/detect": "", "linux/bin/detect": "",
		}, []map[string]string{{"bin/detect": "linux/bin/detect"}, {"bin/detect": "linux/arm64/bin/detect"}}},
		{"the extension root without platform folders", target("linux", "amd64", "", `path = "."`), files{
			"bin/detect": "", "linux/arm64/bin/detect": "", "linux/amd64/bin/detect": "", "windows/notes": "",
		}, []map[string]string{{"bin/detect": "bin/detect", "windows/notes": "windows/notes"}}},
		{"an arch without its distros", target("linux", "amd64", "", distros("ubuntu@22.04", "ubuntu@24.04")), files{
			"linux/amd64/bin/detect": "", "linux/amd64/ubuntu@22.04/bin/detect": "", "linux/amd64/ubuntu@22.04/lib@2/x": "", "linux/amd64/v3/x": "",
		}, []map[string]string{
			{"bin/detect": "linux/amd64/ubuntu@22.04/bin/detect", "lib@2/x": "linux/amd64/ubuntu@22.04/lib@2/x"}, {"bin/detect": "linux/amd64/bin/detect"},
		}},
		{"shared files, the root's own first", "[metadata.extpack]\nshared = [\"LICENSE\", \"lib\", \"bin/generate\"]\n", files{
			"LICENSE": "", "lib/a": "", "lib/b": "", "lib/x.cnb": "", "bin/generate": "", "linux/amd64/bin/detect": "", "linux/amd64/lib/b": "",
		}, []map[string]string{{
			"LICENSE": "LICENSE", "lib/a": "lib/a", "lib/b": "linux/amd64/lib/b", "bin/generate": "bin/generate", "bin/detect": "linux/amd64/bin/detect",
		}}},
		{"shared means nothing without platform roots", "[metadata.extpack]\nshared = [\"lib\"]\n", files{
			"lib/a": "", "bin/detect": "",
		}, []map[string]string{{"lib/a": "lib/a", "bin/detect": "bin/detect"}}},
		{"include-files", "[metadata]\ninclude-files = [\"bin/detect\", \"lib\", \"extension.toml\"]\n", files{
			"bin/detect": "", "bin/generate": "", "lib/a": "", "README.md": "",
		}, []map[string]string{{"bin/detect": "bin/detect", "lib/a": "lib/a"}}},
		{"include-files below platform roots", amd64AndArm64 + "[metadata]\ninclude-files = [\"bin/detect\", \"linux/arm64/lib\"]\n", files{
			"linux/amd64/bin/detect": "", "linux/amd64/lib/a": "", "linux/arm64/bin/detect": "", "linux/arm64/lib/a": "", "bin/detect": "",
		}, []map[string]string{
			{"bin/detect": "linux/amd64/bin/detect"}, {"bin/detect": "linux/arm64/bin/detect", "lib/a": "linux/arm64/lib/a"},
		}},
		{"include-files that name a whole platform", amd64AndArm64 + "[metadata]\ninclude-files = [\"linux/amd64\", \"bin\"]\n", files{
			"linux/amd64/bin/detect": "", "linux/amd64/lib/a": "", "linux/amd64/v3/x": "", "linux/arm64/bin/detect": "", "linux/arm64/lib/a": "",
		}, []map[string]string{
			{"bin/detect": "linux/amd64/bin/detect", "lib/a": "linux/amd64/lib/a"}, {"bin/detect": "linux/arm64/bin/detect"},
		}},
		{"include-files that name all platforms", amd64AndArm64 + "[metadata]\ninclude-files = [\"linux\"]\n", files{
			"linux/amd64/bin/detect": "", "linux/arm64/bin/detect": "",
		}, []map[string]string{{"bin/detect": "linux/amd64/bin/detect"}, {"bin/detect": "linux/arm64/bin/detect"}}},
		{"include-files and shared", "[metadata]\ninclude-files = [\"bin/detect\"]\n[metadata.extpack]\nshared = [\"lib\"]\n", files{
			"lib/a": "", "linux/amd64/bin/detect": "", "linux/amd64/README.md": "",
		}, []map[string]string{{"lib/a": "lib/a", "bin/detect": "linux/amd64/bin/detect"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := extensionDir(t, tt.toml, tt.files)
			var got []map[string]string
			for _, image := range mustPlan(t, dir, Options{}).Images {
				all := packed(t, dir, image)
				if all["extension.toml"] != "extension.toml" {
					t.Errorf("%s: extension.toml comes from %q", image, all["extension.toml"])
				}
				delete(all, "extension.toml")
				got = append(got, all)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestTheDescriptorOfTheRootCounts(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, "", files{"linux/amd64/bin/detect": "", "linux/amd64/extension.toml": "other"})
	if got := packed(t, dir, mustPlan(t, dir, Options{}).Images[0])["extension.toml"]; got != "extension.toml" {
		t.Errorf("extension.toml is %s", got)
	}
}

// A checkout on Windows has no executable bits.
func TestEntryPointsAreExecutable(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, "", files{"bin/detect": "", "bin/generate": "-> ../detect.sh", "detect.sh": "", "bin/tool": ""})
	want := []content.Step{{Source: "bin/detect", Dest: "bin/detect", Exec: true}}
	if got := mustPlan(t, dir, Options{}).Images[0].Steps[1:]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFoldersThatAreNamedOtherwise(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, "", files{"bin/detect": "", "linux/x86_64/bin/detect": "", "linux/armhf/bin/detect": "", "linux/scripts/x": "", "linux/aarch64": ""})
	_, list, err := New(t.Context(), []string{dir}, Options{})
	var got []string
	for _, d := range list {
		got = append(got, strings.ReplaceAll(d.String(), dir, "DIR"))
	}
	want := []string{
		"DIR/linux/armhf: warning: is not a platform folder (did you mean linux/arm/v7?)",
		"DIR/linux/x86_64: warning: is not a platform folder (did you mean linux/amd64?)",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

// A target that names the platform would get other files than those meant for it.
func TestMisnamedFolderOfATarget(t *testing.T) {
	t.Parallel()
	bin := files{"bin/detect": "", "linux/amd46/bin/detect": "", "data/x": ""}
	const want = "linux/amd46: is not a platform folder, and linux/amd64 has none (did you mean linux/amd64?)\n  rename the folder"
	_, _, err := New(t.Context(), []string{extensionDir(t, amd64AndArm64, bin)}, Options{})
	if !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), want) {
		t.Errorf("a target: got %v", err)
	}
	_, _, err = New(t.Context(), []string{extensionDir(t, "", bin)}, flags(t, "linux/amd64"))
	if !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), want) {
		t.Errorf("a flag: got %v", err)
	}
	for name, dir := range map[string]string{
		"ignored":                extensionDir(t, amd64AndArm64, files{"bin/detect": "", "amd64/x": "", ".dockerignore": "amd64\n"}),
		"content by its name":    extensionDir(t, amd64AndArm64+"[metadata.extpack]\nshared = [\"amd64\"]\n", files{"bin/detect": "", "amd64/x": ""}),
		"beside its real folder": extensionDir(t, amd64AndArm64, files{"linux/amd64/bin/detect": "", "linux/arm64/bin/detect": "", "amd64/x": ""}),
	} {
		if _, list, err := New(t.Context(), []string{dir}, Options{}); err != nil || len(list) > 0 {
			t.Errorf("%s: got %v, %v", name, list, err)
		}
	}
	_, list, err := New(t.Context(), []string{extensionDir(t, amd64AndArm64, files{"bin/detect": "", "linux/riscv46/bin/detect": ""})}, Options{})
	if err != nil || !slices.ContainsFunc(list, func(d diag.Diagnostic) bool {
		return strings.Contains(d.String(), "warning: is not a platform folder (did you mean linux/riscv64?)")
	}) {
		t.Errorf("a platform that no target names: got %v, %v", list, err)
	}
}

func TestFilesRefused(t *testing.T) {
	t.Parallel()
	bin := "bin/detect"
	const at = "DIR/extension.toml:6:18: "
	include := func(entries string) string { return "[metadata]\ninclude-files = [" + entries + "]\n" }
	shared := func(entries string) string { return "[metadata.extpack]\nshared = [" + entries + "]\n" }
	const never = " cannot be packaged: version control, packages and generated bake files are excluded"
	tests := []struct {
		name  string
		toml  string
		files files
		want  []string
	}{
		{
			"descriptor ignored", "",
			files{bin: "", ".dockerignore": "*.toml"},
			[]string{`DIR/.dockerignore: excludes extension.toml, which every package requires
  add the line "!extension.toml"`},
		},
		{
			"platform root ignored", amd64AndArm64,
			files{"linux/amd64/bin/detect": "", "linux/arm64/bin/detect": "", ".dockerignore": "linux/arm64"},
			[]string{"DIR/.dockerignore: excludes linux/arm64, which contains the files of linux/arm64"},
		},
		{
			"ignore file broken", "",
			files{bin: "", ".dockerignore": "["},
			[]string{`DIR/.dockerignore:1:1: "[" is not a pattern: syntax error in pattern`, `  see the Dockerfile reference, ".dockerignore files"`},
		},
		{"include-files absent", include(`"gone", "bin"`), files{bin: ""}, []string{at + `include-files "gone" does not exist in DIR`}},
		{
			"include-files ignored", include(`"lib", "bin"`),
			files{bin: "", "lib/a": "", ".dockerignore": "lib\n.dockerignore"},
			[]string{at + `include-files "lib" does not exist in DIR or is excluded by its .dockerignore`},
		},
		{"include-files never", include(`".git", "bin"`), files{bin: "", ".git/HEAD": ""}, []string{at + `".git"` + never}},
		{
			"include-files never, in a root", include(`"linux/amd64/docker-bake.hcl", "bin"`),
			files{"linux/amd64/bin/detect": "", "linux/amd64/docker-bake.hcl": ""},
			[]string{at + `"linux/amd64/docker-bake.hcl"` + never},
		},
		{"shared absent", shared(`"gone"`), files{bin: ""}, []string{`DIR/extension.toml:6:11: shared "gone" does not exist in DIR`}},
		{"shared never", shared(`"a.cnb"`), files{bin: "", "a.cnb": ""}, []string{`DIR/extension.toml:6:11: "a.cnb"` + never}},
		{
			"not in normal form C", shared(`"e\u0301"`),
			files{bin: "", "e\u0301": ""},
			[]string{"DIR/extension.toml:6:11: \"e\u0301\" is not in Unicode normalisation form C, which bake files require\n  rename it"},
		},
		{
			"a platform root behind a link with a pattern", "",
			files{"a[b]/bin/detect": "", "linux/amd64": "-> ../a[b]"},
			[]string{
				`DIR: the name "a[b]" contains a character that has a special meaning in COPY`,
				`DIR: the name "a[b]/bin/detect" contains a character that has a special meaning in COPY
  rename it`,
			},
		},
		{
			"file and folder", shared(`"lib"`),
			files{"lib": "", "linux/amd64/lib/a": "", "linux/amd64/bin/detect": ""},
			[]string{"DIR: linux/amd64: copying linux/amd64: lib is a folder in one place and a file in another (lib, linux/amd64/lib)"},
		},
		{"links, once for all images", amd64AndArm64, files{bin: "", "a": "-> /etc", "b": "-> ../x", "c": "-> c"}, []string{
			`DIR/a: symbolic link to the absolute path "/etc" leaves the extension root
  use a relative link or a copy`,
			`DIR/b: symbolic link to "../x" leaves the extension root
  use a copy`,
			`DIR/c: symbolic link to "c" is part of a loop
  remove it`,
		}},
		{
			"a misspelt Dockerfile, for two platforms", amd64AndArm64 + "[metadata.extpack.build]\nstage = \"x\"\n",
			files{bin: "", "Dockerfle": ""},
			[]string{"DIR/extension.toml:11:1: Dockerfile not found in DIR for the build stage (did you mean \"Dockerfle\"?)\n  create it, or name another with dockerfile = \"…\""},
		},
		{
			"a Dockerfile of another platform", amd64AndArm64 + "[metadata.extpack.build]\n",
			files{bin: "", "Dockerfile.amd64": "FROM scratch\n"},
			[]string{"DIR/extension.toml:11:1: Dockerfile.linux-arm64 or Dockerfile.arm64 or Dockerfile not found in DIR for the build stage of linux/arm64\n  create it, or name another with dockerfile = \"…\""},
		},
		{
			"build table without a Dockerfile", "[metadata.extpack.build]\nstage = \"x\"\n",
			files{bin: ""},
			[]string{"DIR/extension.toml:5:1: Dockerfile not found in DIR for the build stage\n  create it, or name another with dockerfile = \"…\""},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := extensionDir(t, tt.toml, tt.files)
			_, _, err := New(t.Context(), []string{dir}, Options{})
			wantInvalid(t, dir, err, tt.want...)
		})
	}
}

func TestANameThatIsNotUTF8(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems refuse such names")
	}
	dir := extensionDir(t, "", files{"bin/detect": ""})
	if err := os.WriteFile(filepath.Join(dir, "a\xff"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := New(t.Context(), []string{dir}, Options{}); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), `"a\xff" in `) {
		t.Errorf("got %v", err)
	}
}

// Named or found in a folder, a link stays a link and a hard link a hard link.
func TestNamedLinks(t *testing.T) {
	t.Parallel()
	const table = "[metadata]\ninclude-files = [\"bin/detect\", \"bin/generate\", \"bin/run\", \"lib\", \"top\"]\n"
	for name, tc := range map[string]struct {
		toml  string
		files files
		hard  map[string]string
		want  []string
	}{
		"symbolic links": {
			table,
			files{"bin/run": entryPoint, "bin/detect": "-> run", "bin/generate": "-> run", "bin/other": "", "lib/a": "", "lib/x.cnb": "", "top": "-> bin/run", "README.md": ""},
			nil,
			[]string{"bin/", "bin/detect -> run", "bin/generate -> run", "bin/run", "extension.toml", "lib/", "lib/a", "top -> bin/run"},
		},
		"hard links": {
			table,
			files{"bin/run": entryPoint, "lib/a": "", "top": "", "README.md": ""},
			map[string]string{"bin/detect": "bin/run", "bin/generate": "bin/run", "lib/b": "lib/a"},
			[]string{"bin/", "bin/detect (0:bin/detect)", "bin/generate (0:bin/detect)", "bin/run (0:bin/detect)", "extension.toml", "lib/", "lib/a (0:lib/a)", "lib/b (0:lib/a)", "top"},
		},
		"shared": {
			"[metadata.extpack]\nshared = [\"lib\", \"bin/detect\"]\n",
			files{"linux/amd64/bin/generate": entryPoint, "bin/detect": "-> generate", "lib/a": "", "README.md": ""},
			nil,
			[]string{"bin/", "bin/detect -> generate", "bin/generate", "extension.toml", "lib/", "lib/a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := extensionDir(t, tc.toml, tc.files)
			for link, target := range tc.hard {
				// Making an entry point executable copies it.
				if err := errors.Join(os.Chmod(filepath.Join(dir, target), 0o755), os.Link(filepath.Join(dir, target), filepath.Join(dir, link))); err != nil {
					t.Fatal(err)
				}
			}
			all := mustPlan(t, dir, Options{}).Images[0].Files
			var got []string
			for _, name := range slices.Sorted(maps.Keys(all)) {
				switch f := all[name]; {
				case f.Mode.IsDir():
					name += "/"
				case f.Target() != "":
					name += " -> " + f.Target()
				case f.Group() != "":
					name += " (" + f.Group() + ")"
				}
				got = append(got, name)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestNamedLinksThatCannotBeTold(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, "[metadata]\ninclude-files = [\"a b\", \"bin/detect\"]\n", files{"a b": "-> bin/detect", "a-b": "", "bin/detect": ""})
	_, _, err := New(t.Context(), []string{dir}, Options{})
	wantInvalid(t, dir, err, `DIR: "a b" and "a-b" match the same pattern of a bake file, so their links cannot be preserved
  rename one of them`)
}
