package plan

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

func TestTags(t *testing.T) {
	t.Parallel()
	image := func(ref string) string { return "[metadata.extpack]\nimage = \"" + ref + "\"\n" }
	tests := []struct {
		name string
		toml string
		tags []string
		want []string
	}{
		{"none", "", nil, nil},
		{"an image gets the version", image("ghcr.io/acme/x"), nil, []string{"ghcr.io/acme/x:0.0.1"}},
		{"an image keeps its tag", image("ghcr.io/acme/x:edge"), nil, []string{"ghcr.io/acme/x:edge"}},
		{"an image is a template", image("ghcr.io/acme/{{.Slug}}:v{{.Version}}"), nil, []string{"ghcr.io/acme/samples_x:v0.0.1"}},
		{"a port is not a tag", image("localhost:5000/x"), nil, []string{"localhost:5000/x:0.0.1"}},
		{"tags replace the image", image("ghcr.io/acme/x"), []string{"y"}, []string{"docker.io/library/y:latest"}},
		{"a tag has the usual defaults", "", []string{"acme/x"}, []string{"docker.io/acme/x:latest"}},
		{"several, in order", "", []string{"r.example/b:1", "r.example/a:2"}, []string{"r.example/b:1", "r.example/a:2"}},
		{"templates", "", []string{"r.example/{{.ID}}:{{.Version}}"}, []string{"r.example/samples/x:0.0.1"}},
		{"the same twice", "", []string{"r.example/x", "r.example/x:latest"}, []string{"r.example/x:latest"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := mustPlan(t, extensionDir(t, tt.toml, files{"bin/detect": ""}), Options{Tags: tt.tags})
			if !slices.Equal(e.Tags, tt.want) {
				t.Errorf("got %q, want %q", e.Tags, tt.want)
			}
		})
	}
}

func TestTagsRefused(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	tests := []struct{ tag, want, hint string }{
		{"r.example/X", `tag "r.example/X": invalid reference format: repository name (X) must be lowercase`, tagHint},
		{"", `tag "": invalid reference format`, tagHint},
		{"r.example/{{.ID}}_", `tag "r.example/{{.ID}}_": "r.example/samples/x_" for samples/x@0.0.1: invalid reference format`, tagHint},
		{"r.example/x" + digest, `tag "r.example/x` + digest + `": a tag cannot contain a digest`, "leave out the digest: r.example/x"},
		{"https://r.example/x:1", `tag "https://r.example/x:1": invalid reference format`, "leave out the scheme: r.example/x:1"},
		{"r.example/x:1,r.example/x:2", `tag "r.example/x:1,r.example/x:2": invalid reference format`, "repeat --tag for each"},
		{"r.example/{{.Nmae}}", `tag "r.example/{{.Nmae}}": has the unknown placeholder "{{.Nmae}}"`, tagHint},
	}
	for _, tt := range tests {
		dir := extensionDir(t, "", files{"bin/detect": ""})
		_, _, err := New(t.Context(), []string{dir}, Options{Tags: []string{tt.tag}})
		wantInvalid(t, dir, err, tt.want, "  "+tt.hint)
	}
}

func TestLabelsAndAnnotations(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, "[metadata.extpack]\nlabels = { a = \"file\", b = \"file\" }\nannotations = { a = \"file\" }\n", files{"bin/detect": ""})
	e := mustPlan(t, dir, Options{Labels: map[string]string{"b": "flag", "c": "flag"}, Annotations: annotation.List{{Place: annotation.Index, Key: "a", Value: "flag"}}})
	if want := map[string]string{"a": "file", "b": "flag", "c": "flag"}; !reflect.DeepEqual(e.Labels, want) {
		t.Errorf("labels: got %v, want %v", e.Labels, want)
	}
	if want := map[string]string{"a": "flag"}; !reflect.DeepEqual(e.Annotations, want) {
		t.Errorf("annotations: got %v, want %v", e.Annotations, want)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	e := mustPlan(t, extensionDir(t, "", files{"bin/detect": ""}), Options{})
	if e.Slug != "samples_x" || e.Dest() != "/cnb/extensions/samples_x/0.0.1" {
		t.Errorf("got slug %s and folder %s", e.Slug, e.Dest())
	}
	ubuntu := []extension.Distro{{Name: "ubuntu", Version: "24.04"}, {Name: "debian", Version: "12"}}
	arm := v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	for want, image := range map[string]Image{
		"builder's platform":        {},
		"linux/arm/v7":              {Platform: arm, Distros: ubuntu},
		"linux/arm/v7:ubuntu@24.04": {Platform: arm, Distros: ubuntu[:1]},
	} {
		if got := image.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// named writes an extension with that id and version into a new folder.
func named(t *testing.T, id, version, toml string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files{"bin/detect": "", "extension.toml": "api = \"0.10\"\n[extension]\nid = \"" + id + "\"\nversion = \"" + version + "\"\n" + toml})
	return dir
}

func TestSeveralExtensions(t *testing.T) {
	t.Parallel()
	a, b, c := named(t, "a", "1.0.0", ""), named(t, "a/b", "1.0.0", ""), named(t, "a", "2.0.0", "")
	p, list, err := New(t.Context(), []string{b, a, c + "/./"}, Options{Tags: []string{"r.example/{{.ID}}:{{.Version}}"}})
	if err != nil || len(list) > 0 {
		t.Fatal(list, err)
	}
	var got []string
	for i, dir := range []string{b, a, c} {
		got = append(got, p.Extensions[i].Tags...)
		if p.Extensions[i].Dir != dir {
			t.Errorf("extension %d is in %s, want %s", i, p.Extensions[i].Dir, dir)
		}
	}
	if want := []string{"r.example/a/b:1.0.0", "r.example/a:1.0.0", "r.example/a:2.0.0"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExtensionsThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	a, b, c := named(t, "a", "1.0.0", ""), named(t, "b", "1.0.0", ""), named(t, "a", "1.0.0", "")
	tests := []struct {
		name string
		dirs []string
		opts Options
		want string
	}{
		{"same id and version", []string{a, c}, Options{}, c + "/extension.toml: a@1.0.0 is also the extension in " + a + "\n  build them in separate runs, or change one id"},
		{"same folder", []string{a, a}, Options{}, a + "/extension.toml: a@1.0.0 is also the extension in " + a + "\n  build them in separate runs, or change one id"},
		{
			"same tag",
			[]string{a, b},
			Options{Tags: []string{"r.example/x:1"}},
			"tag r.example/x:1 is used for both a@1.0.0 and b@1.0.0\n  put {{.Slug}} or {{.Version}} into the tag",
		},
		{
			"a flag that is wrong, once",
			[]string{a, b},
			Options{Tags: []string{"X"}},
			"tag \"X\": invalid reference format: repository name (library/X) must be lowercase\n  " + tagHint,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := New(t.Context(), tt.dirs, tt.opts)
			wantInvalid(t, "nowhere", err, tt.want)
		})
	}
}

func TestEveryProblemOfEveryExtension(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, files{
		"a/extension.toml": "api = \"0.10\"\n[extension]\nid = \"a b\"\nversion = \"1\"\n",
		"b/extension.toml": head, "b/bin/detect": "", "b/a": "-> /etc", "b/package.toml": "[[targets]]\nos = \"linx\"\narch = \"amd64\"\n",
		"c/extension.toml": head + "unknown = 1\n", "c/bin/detect": "", "c/a": "-> /etc",
		"file": "",
	})
	var dirs []string
	for _, name := range []string{"a", "b", "c", "gone", "file"} {
		dirs = append(dirs, filepath.Join(root, name))
	}
	_, warnings, err := New(t.Context(), dirs, Options{})
	wantInvalid(t, root, err,
		`DIR/a/extension.toml:3:6: id "a b" may contain only letters, digits, ".", "/" and "-", found ' '`,
		`DIR/a/extension.toml:4:11: version "1" is not X.Y.Z, three numbers without leading zeros (did you mean "1.0.0"?)`,
		`DIR/b/package.toml:2:6: unknown os "linx" (did you mean "linux"?)`,
		`DIR/c/a: symbolic link to the absolute path "/etc" leaves the extension root
  use a relative link or a copy`,
		`DIR/file: is a file, not the directory of an extension`,
		`DIR/gone: no such directory`,
		`  name the directory that contains extension.toml`,
	)
	if len(warnings) != 1 || !strings.Contains(warnings[0].String(), `c/extension.toml:5:1: warning: unknown key "unknown"`) {
		t.Errorf("got the warnings %v", warnings)
	}
}

// The corpus is that of package extension: descriptors as people wrote them.
func TestCorpus(t *testing.T) {
	t.Parallel()
	corpus := filepath.Join("..", "extension", "testdata", "corpus")
	for name, id := range map[string]string{"samples-cowsay": "samples/cowsay", "samples-curl": "samples/curl", "samples-vim": "samples/vim"} {
		dir := filepath.Join(corpus, name)
		p, list, err := New(t.Context(), []string{dir}, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := p.Extensions[0]
		if e.Descriptor.Info.ID != id || !slices.Equal(describe(e), []string{"any in ."}) {
			t.Errorf("%s: got %s, %q", name, e.Descriptor.Info, describe(e))
		}
		if len(list) != 0 {
			t.Errorf("%s: got the warnings %v", name, list)
		}
	}
	_, _, err := New(t.Context(), []string{filepath.Join(corpus, "ubi-nodejs")}, Options{})
	if list := diag.Of(err); len(list) == 0 || !strings.Contains(list[0].Message, "missing version in [extension]") {
		t.Errorf("ubi-nodejs: got %v", err)
	}
}

// As its release script completes it.
func TestCorpusWithVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	toml := strings.Replace(readFile(t, filepath.Join("..", "extension", "testdata", "corpus", "ubi-nodejs", "extension.toml")), "[extension]", "[extension]\nversion = \"1.2.3\"", 1)
	write(t, dir, files{"extension.toml": toml, "bin/generate": "", "bin/detect": "", "bin/run": "", "scripts/build.sh": "", "go.mod": ""})
	p, _, err := New(t.Context(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"bin/generate": "bin/generate", "bin/detect": "bin/detect", "bin/run": "bin/run", "extension.toml": "extension.toml"}
	if got := packed(t, dir, p.Extensions[0].Images[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
