package plan

import (
	"slices"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	t.Parallel()
	const bin = "bin/detect"
	folders := files{"linux/amd64/" + bin: entryPoint, "linux/arm64/" + bin: entryPoint}
	amd64, arm64 := target("linux", "amd64", ""), target("linux", "arm64", "")
	tests := []struct {
		name  string
		toml  string
		files files
		flags []string
		want  []string
	}{
		{"none is any platform", "", files{bin: ""}, nil, []string{"any in ."}},
		{"an os alone says what it is for", "[[targets]]\nos = \"linux\"\n", files{bin: ""}, nil, []string{"any in ."}},
		{"an arch alone too", "[[targets]]\narch = \"arm64\"\n", files{bin: ""}, nil, []string{"any in ."}},
		{"an os alone and folders", "[[targets]]\nos = \"linux\"\n", folders, nil, []string{"linux/amd64 in linux/amd64", "linux/arm64 in linux/arm64"}},
		{"an os alone and a platform", "[[targets]]\nos = \"linux\"\n" + arm64, files{bin: ""}, nil, []string{"linux/arm64 in ."}},
		{"an os alone and package.toml", "[[targets]]\nos = \"linux\"\n", files{bin: "", "package.toml": arm64}, nil, []string{"linux/arm64 in ."}},
		{
			"a flag inherits from an os alone", "[[targets]]\nos = \"linux\"\npath = \"x\"\n" + distros("ubuntu@24.04") + "\n[[targets]]\nos = \"windows\"\n",
			files{"x/" + bin: ""},
			[]string{"linux/arm64"},
			[]string{"linux/arm64(24.04) ubuntu@24.04 in x"},
		},
		{
			"a flag inherits from its platform before an os alone", "[[targets]]\nos = \"linux\"\npath = \"x\"\n" + target("linux", "arm64", "", `path = "y"`),
			files{"x/" + bin: "", "y/" + bin: ""},
			[]string{"linux/arm64", "linux/amd64"},
			[]string{"linux/arm64 in y", "linux/amd64 in x"},
		},
		{"platform folders", "", folders, nil, []string{"linux/amd64 in linux/amd64", "linux/arm64 in linux/arm64"}},
		{"the descriptor before folders", amd64, folders, nil, []string{"linux/amd64 in linux/amd64"}},
		{"package.toml before the descriptor", amd64, files{bin: "", "package.toml": arm64}, nil, []string{"linux/arm64 in ."}},
		{"a package.toml without targets", amd64, files{bin: "", "package.toml": "[extension]\nuri = \".\"\n"}, nil, []string{"linux/amd64 in ."}},
		{"flags before package.toml", amd64, files{bin: "", "package.toml": arm64}, []string{"linux/s390x"}, []string{"linux/s390x in ."}},
		{"flags in their own order", amd64 + arm64, files{bin: ""}, []string{"linux/arm64", "linux/amd64"}, []string{"linux/arm64 in .", "linux/amd64 in ."}},
		{"the descriptor's order", arm64 + amd64, files{bin: ""}, nil, []string{"linux/arm64 in .", "linux/amd64 in ."}},
		{
			"normal form", target("linux", "arm", "") + target("linux", "arm64", "v8"),
			files{bin: ""},
			nil,
			[]string{"linux/arm/v7 in .", "linux/arm64 in ."},
		},
		{"a path", target("linux", "amd64", "", `path = "build/x"`), files{"build/x/" + bin: ""}, nil, []string{"linux/amd64 in build/x"}},
		{"a path before folders", target("linux", "amd64", "", `path = "x"`), files{"x/" + bin: "", "linux/amd64/" + bin: ""}, nil, []string{"linux/amd64 in x"}},
		{"the path . before folders", target("linux", "amd64", "", `path = "."`), files{bin: "", "linux/amd64/" + bin: ""}, nil, []string{"linux/amd64 in ."}},

		{
			"one distro is the os.version", target("linux", "amd64", "", distros("ubuntu@24.04")),
			files{bin: ""},
			nil,
			[]string{"linux/amd64(24.04) ubuntu@24.04 in ."},
		},
		{
			"distros with one root are one image", target("linux", "amd64", "", distros("ubuntu@22.04", "ubuntu@24.04")),
			files{bin: ""},
			nil,
			[]string{"linux/amd64 ubuntu@22.04 ubuntu@24.04 in ."},
		},
		{
			"distros with different roots are an image each", target("linux", "amd64", "", distros("ubuntu@22.04", "ubuntu@24.04")),
			files{"linux/amd64/" + bin: "", "linux/amd64/ubuntu@22.04/" + bin: ""},
			nil,
			[]string{"linux/amd64(22.04) ubuntu@22.04 in linux/amd64/ubuntu@22.04", "linux/amd64(24.04) ubuntu@24.04 in linux/amd64"},
		},
		{
			"distros of two targets are an image each", target("linux", "amd64", "", distros("ubuntu@22.04", "ubuntu@24.04")) + target("linux", "amd64", "", distros("debian@12")),
			files{bin: ""},
			nil,
			[]string{"linux/amd64(22.04) ubuntu@22.04 in .", "linux/amd64(24.04) ubuntu@24.04 in .", "linux/amd64(12) debian@12 in ."},
		},
		{
			"with and without distro", target("linux", "amd64", "", distros("ubuntu@24.04")) + amd64,
			files{bin: ""},
			nil,
			[]string{"linux/amd64(24.04) ubuntu@24.04 in .", "linux/amd64 in ."},
		},
		{
			"distro folders", "",
			files{"linux/amd64/ubuntu@22.04/" + bin: "", "linux/amd64/ubuntu@24.04/" + bin: ""},
			nil,
			[]string{"linux/amd64(22.04) ubuntu@22.04 in linux/amd64/ubuntu@22.04", "linux/amd64(24.04) ubuntu@24.04 in linux/amd64/ubuntu@24.04"},
		},

		{
			"a flag inherits path and distros", target("linux", "arm", "v7", `path = "x"`, distros("ubuntu@24.04")),
			files{"x/" + bin: ""},
			[]string{"linux/arm"},
			[]string{"linux/arm/v7(24.04) ubuntu@24.04 in x"},
		},
		{
			"a flag inherits from every target of its platform",
			target("linux", "amd64", "", `path = "x"`, distros("ubuntu@24.04")) + target("linux", "amd64", "", `path = "y"`, distros("debian@12")) + arm64,
			files{"x/" + bin: "", "y/" + bin: ""},
			[]string{"linux/amd64"},
			[]string{"linux/amd64(24.04) ubuntu@24.04 in x", "linux/amd64(12) debian@12 in y"},
		},
		{
			"a flag's distro chooses", target("linux", "amd64", "", `path = "x"`, distros("ubuntu@22.04", "ubuntu@24.04")),
			files{"x/" + bin: ""},
			[]string{"linux/amd64:ubuntu@24.04"},
			[]string{"linux/amd64(24.04) ubuntu@24.04 in x"},
		},
		{
			"each distro of a flag has its own path",
			target("linux", "amd64", "", `path = "x"`, distros("ubuntu@24.04")) + target("linux", "amd64", "", `path = "y"`, distros("debian@12")),
			files{"x/" + bin: "", "y/" + bin: ""},
			[]string{"linux/amd64:ubuntu@24.04;debian@12"},
			[]string{"linux/amd64(24.04) ubuntu@24.04 in x", "linux/amd64(12) debian@12 in y"},
		},
		{
			"a flag's distro inherits the path for any", target("linux", "amd64", "", `path = "x"`),
			files{"x/" + bin: ""},
			[]string{"linux/amd64:ubuntu@22.04,24.04"},
			[]string{"linux/amd64 ubuntu@22.04 ubuntu@24.04 in x"},
		},
		{
			"a flag's distro that nobody declares has no path", target("linux", "amd64", "", `path = "x"`, distros("ubuntu@24.04")),
			files{bin: "", "x/": ""},
			[]string{"linux/amd64:debian@12"},
			[]string{"linux/amd64(12) debian@12 in ."},
		},
		{"package.toml inherits too", target("linux", "amd64", "", `path = "x"`), files{"x/" + bin: "", "package.toml": amd64}, nil, []string{"linux/amd64 in x"}},
		{
			"package.toml has its own path", target("linux", "amd64", "", `path = "x"`),
			files{"x/": "", "y/" + bin: "", "package.toml": target("linux", "amd64", "", `path = "y"`)},
			nil,
			[]string{"linux/amd64 in y"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := mustPlan(t, extensionDir(t, tt.toml, tt.files), flags(t, tt.flags...))
			if got := describe(e); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestTargetsRefused(t *testing.T) {
	t.Parallel()
	bin := files{"bin/detect": ""}
	tests := []struct {
		name  string
		toml  string
		flags []string
		want  string
	}{
		{"twice by flags", "", []string{"linux/amd64", "linux/x86_64"}, "target linux/amd64 is specified twice"},
		{"twice by normal form", "", []string{"linux/arm", "linux/arm/v7"}, "target linux/arm/v7 is specified twice"},
		{"distro twice by flags", "", []string{"linux/amd64:ubuntu@24.04,24.04"}, "target linux/amd64:ubuntu@24.04 is specified twice"},
		{
			"twice by inheritance", target("linux", "amd64", "", distros("ubuntu@24.04")),
			[]string{"linux/amd64", "linux/amd64:ubuntu@24.04"},
			"target linux/amd64:ubuntu@24.04 is specified twice",
		},
		{"path that is not there", target("linux", "amd64", "", `path = "gone"`), nil, `DIR/extension.toml:8:8: targets.path "gone" does not exist in DIR`},
		{
			"all paths that are not there", target("linux", "amd64", "", `path = "gone"`) + target("linux", "arm64", "", `path = "bin/detect"`), nil,
			`DIR/extension.toml:8:8: targets.path "gone" does not exist in DIR` + "\n" + `DIR/extension.toml:12:8: targets.path "bin/detect" is not a folder`,
		},
		{
			"inherited path that is not there", target("linux", "amd64", "", `path = "gone"`),
			[]string{"linux/amd64"},
			`DIR/extension.toml:8:8: targets.path "gone" does not exist in DIR`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := extensionDir(t, tt.toml, bin)
			_, _, err := New(t.Context(), []string{dir}, flags(t, tt.flags...))
			wantInvalid(t, dir, err, tt.want)
		})
	}
}
