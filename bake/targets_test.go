package bake

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
)

// bare makes a plan without files, one extension per id.
func bare(images []plan.Image, ids ...string) *plan.Plan {
	p := &plan.Plan{}
	for _, id := range ids {
		p.Extensions = append(p.Extensions, &plan.Extension{
			Dir: id, Slug: extension.Slug(id), Images: images,
			Descriptor: &extension.Descriptor{File: id + "/extension.toml", Info: extension.Info{ID: id, Version: "1.0.0"}},
		})
	}
	return p
}

func image(arch, variant string, distros ...string) plan.Image {
	image := plan.Image{Platform: v1.Platform{OS: "linux", Architecture: arch, Variant: variant}, Root: "."}
	for _, d := range distros {
		name, version, _ := strings.Cut(d, "@")
		image.Distros = append(image.Distros, extension.Distro{Name: name, Version: version})
	}
	return image
}

func TestTargetNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		images []plan.Image
		want   []string
	}{
		{"builder's platform", []plan.Image{{Root: "."}}, []string{"x [0]"}},
		{"platforms", []plan.Image{image("amd64", ""), image("arm", "v7")}, []string{"x [0 1]"}},
		{
			"several distros of one platform",
			[]plan.Image{image("amd64", "", "u@1"), image("amd64", "", "u@2"), image("arm64", "")},
			[]string{"x [2]", "x-linux-amd64-u_1 [0]", "x-linux-amd64-u_2 [1]"},
		},
		{"distros alone", []plan.Image{image("arm", "v7", "u@22.04"), image("arm", "v7", "d@12")}, []string{"x-linux-arm-v7-u_22_04 [0]", "x-linux-arm-v7-d_12 [1]"}},
		{"with and without distro", []plan.Image{image("amd64", "", "u@1"), image("amd64", "")}, []string{"x-linux-amd64-u_1 [0]", "x-linux-amd64-any [1]"}},
		{"one image for distros", []plan.Image{image("amd64", "", "u@1", "u@2")}, []string{"x [0]"}},
	}
	for _, tt := range tests {
		var got []string
		for _, target := range mustTargets(t, bare(tt.images, "x")) {
			got = append(got, fmt.Sprint(target.Name, " ", target.Images))
		}
		equal(t, tt.name, got, tt.want)
	}
}

func TestNamesThatMeet(t *testing.T) {
	t.Parallel()
	both := []plan.Image{image("amd64", ""), image("arm64", "")}
	tests := []struct {
		name string
		plan *plan.Plan
		want string
	}{
		{
			"a platform's target", bare(both, "a", "a-linux-arm64"),
			`a-linux-arm64/extension.toml: the bake target "a-linux-arm64" of a-linux-arm64 is also one of a
  build them in separate runs`,
		},
		{
			"the matrix", bare(both, "a-platform", "a"),
			`a/extension.toml: the bake target "a-platform" of a is also one of a-platform
  build them in separate runs`,
		},
		{
			"letters only some file systems tell apart", bare(both[:1], "x", "X"),
			"X/extension.toml: the bake target \"X\" of X is also one of x\n" +
				"X/extension.toml: the bake target \"X-platform\" of X is also one of x\n" +
				"X/extension.toml: the bake target \"X-linux-amd64\" of X is also one of x\n  build them in separate runs",
		},
		{
			"distros of one extension", bare([]plan.Image{image("amd64", "", "u@1.2"), image("amd64", "", "u@1_2")}, "a"),
			`FILE: the bake target "a-linux-amd64-u_1_2" is used for two images of a
  choose one with --target`,
		},
		{
			"a distro called any", bare([]plan.Image{image("amd64", "", "any@"), image("amd64", "")}, "a"),
			`FILE: the bake target "a-linux-amd64-any" is used for two images of a
  choose one with --target`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Targets(tt.plan)
			wantInvalid(t, tt.plan, err, tt.want)
		})
	}
}

// bake merges blocks of one name, and "default" is what it builds by itself.
func TestTheNameDefault(t *testing.T) {
	t.Parallel()
	p := bare([]plan.Image{{Root: "."}}, "default")
	if got := mustTargets(t, p)[0].Name; got != "x--_64efault" {
		t.Errorf("got the target %q", got)
	}
	p.Extensions[0].Slug = "default"
	_, err := Targets(p)
	wantInvalid(t, p, err, `FILE: default cannot have the bake target "default", which is the group of all`)
}

// The bake targets of these ids have valid names that differ.
func TestNamesAreInjective(t *testing.T) {
	t.Parallel()
	ids := []string{"a/b", "a_b", "a.b", "a-b", "a_2eb", "a/2eb", "a_5fb", "a/5fb", "a/64b", "a/2fb", "_64efault", "default", "a/.b", "a._b", "64efault"}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	valid := regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	p := bare([]plan.Image{image("amd64", ""), image("arm", "v7")}, ids...)
	seen := map[string]string{}
	for _, target := range mustTargets(t, p) {
		for _, name := range names(target.Extension, []Target{target}) {
			if !valid.MatchString(name) {
				t.Errorf("%q is not the name of a bake target", name)
			}
			if other, twice := seen[name]; twice {
				t.Errorf("%s and %s both have %s", other, target.Extension.Descriptor.Info.ID, name)
			}
			seen[name] = target.Extension.Descriptor.Info.ID
		}
	}
}

func TestVariablesAreInjective(t *testing.T) {
	t.Parallel()
	p := bare(nil, "a-b", "a/b", "a/b/2", "a")
	for i, images := range [][]plan.Image{{image("amd64", "")}, {image("arm64", "")}, {image("s390x", "")}, {{Root: "."}}} {
		p.Extensions[i].Images = images
	}
	got := matrices(mustTargets(t, p))
	want := map[string]string{"a-b": "PLATFORMS_a_b", "a_b": "PLATFORMS_a_b_2", "a_b_2": "PLATFORMS_a_b_2_2"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEnvironmentNarrowsPlatforms(t *testing.T) {
	file := mustFile(t, simple(t, "acme/x", "linux/amd64", "linux/arm64", "linux/arm/v7"), ".")
	equal(t, "targets", slices.Sorted(maps.Keys(evaluate(t, file, "acme_x-platform"))),
		[]string{"acme_x-linux-amd64", "acme_x-linux-arm-v7", "acme_x-linux-arm64"})
	t.Setenv("PLATFORMS", "linux/arm64,linux/arm/v7")
	equal(t, "platforms", evaluate(t, file, "default")["acme_x"].Platforms, []string{"linux/arm64", "linux/arm/v7"})
	equal(t, "targets", slices.Sorted(maps.Keys(evaluate(t, file, "acme_x-platform"))), []string{"acme_x-linux-arm-v7", "acme_x-linux-arm64"})
}

// Nothing but the platform matrix comes from the environment.
func TestEnvironmentIsNoData(t *testing.T) {
	p := simple(t, "x", "linux/amd64")
	want := evaluate(t, mustFile(t, p, "."), "default")["x"]
	for _, name := range []string{"DEST", "SOURCE_DATE_EPOCH", "TARGETOS", "x", "platform", "PLATFORMS_x"} {
		t.Setenv(name, "injected")
	}
	got := evaluate(t, mustFile(t, p, "."), "default")["x"]
	if *got.Args["DEST"] != *want.Args["DEST"] || *got.DockerfileInline != *want.DockerfileInline || !slices.Equal(got.Platforms, want.Platforms) {
		t.Errorf("got %v, %v", *got.Args["DEST"], got.Platforms)
	}
}

func TestTheFileFollowsFoldersNotContents(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	dir := extensionDir(t, work, "x", "x", "", files{"linux/amd64/bin/detect": "one", "linux/arm64/bin/detect": "one"})
	file := func() []byte { return mustFile(t, mustPlan(t, plan.Options{}, dir), work) }
	write := func(name, data string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	first := file()
	write("linux/amd64/bin/detect", "two")
	write("linux/amd64/lib/new", "new")
	write("README.md", "new")
	if !bytes.Equal(file(), first) {
		t.Error("the file changed with the contents of files")
	}
	write("linux/s390x/bin/detect", "one")
	second := file()
	if bytes.Equal(second, first) {
		t.Error("the file did not change with a platform folder")
	}
	toml, err := os.ReadFile(filepath.Join(dir, "extension.toml"))
	if err != nil {
		t.Fatal(err)
	}
	write("extension.toml", string(toml)+"description = \"new\"\n")
	if bytes.Equal(file(), second) {
		t.Error("the file did not change with the descriptor")
	}
}

// TestCachesHavePlacesOfTheirOwn: a platform that is built by itself must not
// overwrite the cache of another.
func TestCachesHavePlacesOfTheirOwn(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("a", 64)
	e := bare([]plan.Image{image("amd64", "", "u@1"), image("arm64", "", "u@1"), image("arm64", "", "u@2")}, "x")
	targets := mustTargets(t, e)
	own := targets[slices.IndexFunc(targets, func(t Target) bool { return t.Name == "x-linux-arm64-u_2" })]
	for text, want := range map[string]string{
		"r.test:5000/x":                       "type=registry,ref=r.test:5000/x:linux-arm64-u_2",
		"type=registry,ref=r.test/x:c":        "type=registry,ref=r.test/x:c-linux-arm64-u_2",
		"r.test/x@" + digest:                  "type=registry,ref=r.test/x@" + digest,
		"type=gha":                            "type=gha,scope=buildkit-linux-arm64-u_2",
		"type=gha,scope=a":                    "type=gha,scope=a-linux-arm64-u_2",
		"type=s3,bucket=b,region=r":           "type=s3,bucket=b,region=r,name=buildkit-linux-arm64-u_2",
		"type=s3,bucket=b,region=r,name=m;n":  "type=s3,bucket=b,region=r,name=m-linux-arm64-u_2;n-linux-arm64-u_2",
		"type=azblob,account_url=https://a/b": "type=azblob,account_url=https://a/b,name=buildkit-linux-arm64-u_2",
		"type=inline":                         "type=inline",
	} {
		spec, err := plan.ParseCache(text, "dest")
		if err != nil {
			t.Fatal(err)
		}
		if got := own.caches([]plan.Spec{spec})[0].String(); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
}
