package extension

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func at(line, column int) diag.Position {
	return diag.Position{File: "x/extension.toml", Line: line, Column: column}
}

const everything = `api = "0.9"
[extension]
id = "samples/curl"
name = 'Curl "ext" ${HOME}'
version = "1.20.300"
description = """
größe ${x} \u0041 {{.ID}}
second line"""
homepage = "https://example.com"
keywords = ["a", ""]
exec-env = ["production"]
clear-env = true
[[extension.licenses]]
type = "MIT"
[[extension.licenses]]
uri = "LICENSE $\"\n"
[[targets]]
os = "linux"
arch = "arm64"
arch-variant = "v8"
path = "./arm/"
distros = [{ name = "ubuntu", version = "24.04" }]
[[targets]]
os = "linux"
arch = "amd64"
[[targets.distributions]]
name = "debian"
versions = ["12", "13"]
[metadata]
include-files = ["bin//detect"]
[metadata.extpack]
image = "example.com/curl"
shared = [
  "lib",
  "é", "share/"]
labels = { "org.example.a" = "${x}\n" }
annotations."a.b" = "c"
[metadata.extpack.build]
dockerfile = "Dockerfile"
stage = "out"
network = "none"
args = { A = "1" }
contexts = { src = "./src" }
secrets = ["id=s"]
ssh = ["default"]
cache-from = ["type=gha"]
cache-to = ["type=inline"]
`

func TestParse(t *testing.T) {
	got, _, err := Parse("x/extension.toml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	want := &Descriptor{
		File: "x/extension.toml",
		API:  "0.9",
		Info: Info{
			ID: "samples/curl", Name: `Curl "ext" ${HOME}`, Version: "1.20.300",
			Description: "größe ${x} A {{.ID}}\nsecond line", Homepage: "https://example.com",
			Keywords: []string{"a", ""}, ExecEnv: []string{"production"}, ClearEnv: true,
			Licenses: []License{{Type: "MIT"}, {URI: "LICENSE $\"\n"}},
		},
		Targets: []Target{{
			OS: "linux", Arch: "arm64", Variant: "v8", Distros: []Distro{{"ubuntu", "24.04"}},
			Path: "arm", Position: at(17, 1), PathPosition: at(21, 8),
		}, {
			OS: "linux", Arch: "amd64", Distros: []Distro{{"debian", "12"}, {"debian", "13"}}, Position: at(23, 1),
		}},
		Metadata: Metadata{
			IncludeFiles: []Entry{{"bin/detect", at(30, 18)}},
			Extpack: Settings{
				Image:               Entry{"example.com/curl", at(32, 9)},
				Shared:              []Entry{{"lib", at(34, 3)}, {"é", at(35, 3)}, {"share", at(35, 8)}},
				Labels:              map[string]string{"org.example.a": "${x}\n"},
				LabelPositions:      map[string]diag.Position{"org.example.a": {File: "x/extension.toml", Line: 36, Column: 12}},
				Annotations:         map[string]string{"a.b": "c"},
				AnnotationPositions: map[string]diag.Position{"a.b": {File: "x/extension.toml", Line: 37, Column: 13}},
				Build: &Build{
					Position: at(38, 1), Dockerfile: Entry{"Dockerfile", at(39, 14)}, Stage: Entry{"out", at(40, 9)}, Network: Entry{"none", at(41, 11)},
					Args: map[string]string{"A": "1"}, Contexts: map[string]string{"src": "./src"},
					TargetPositions: map[string]diag.Position{}, ArgPositions: map[string]diag.Position{"A": at(42, 10)}, ContextPositions: map[string]diag.Position{"src": at(43, 14)},
					Secrets: []Entry{{"id=s", at(44, 12)}}, SSH: []Entry{{"default", at(45, 8)}},
					CacheFrom: []Entry{{"type=gha", at(46, 15)}}, CacheTo: []Entry{{"type=inline", at(47, 13)}},
				},
			},
		},
	}
	got.around = nil // the text of the file
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseNormalises(t *testing.T) {
	d, _, err := Parse("x", []byte(withAPI(`"1"`)+`[metadata]
include-files = []
[[metadata.extpack.lint.ignore]]
rule = "api-unsupported"
reason = "for a lifecycle of the future"
`))
	if err != nil {
		t.Fatal(err)
	}
	if d.API != "1.0" {
		t.Errorf("api is %q", d.API)
	}
	if d.Metadata.IncludeFiles == nil {
		t.Error("an empty allow-list is taken for none")
	}
}

func TestCorpus(t *testing.T) {
	want := map[string]string{
		"samples-cowsay": "samples/cowsay@0.0.1",
		"samples-curl":   "samples/curl@0.0.1",
		"samples-vim":    "samples/vim@0.0.1",
	}
	for dir, info := range want {
		d, list, err := Read(filepath.Join("testdata", "corpus", dir))
		if err != nil || len(list) > 0 {
			t.Errorf("%s: %v %v", dir, list, err)
		} else if d.Info.String() != info {
			t.Errorf("%s is %s", dir, d.Info)
		}
	}
	// As checked in it has no version: its release script adds one.
	d, list, err := Read("testdata/corpus/ubi-nodejs")
	file := filepath.FromSlash("testdata/corpus/ubi-nodejs/extension.toml")
	if got, want := render(list), file+`:3:1: missing version in [extension]
  add version = "0.0.1" below [extension], or set it with --version
`+file+`:10:17: warning: docker extpack does not run metadata.pre-package
  if you trust it and the package needs what it makes, run it before docker extpack`; got != want || d != nil || err == nil {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestReadWithoutDescriptor(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"empty", "folder/extension.toml", "large", "upper", "buildpack", "layout", "many/a/bin/deep", "many/b"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "file"), "")
	for _, name := range []string{"a.cnb", "many/extension.toml.orig", "upper/Extension.toml", "buildpack/buildpack.toml", "layout/oci-layout", "many/a/extension.toml", "many/b/extension.toml"} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), "")
	}
	write(t, filepath.Join(dir, "large", "extension.toml"), strings.Repeat("#", MaxSize+1))
	hint := "\n  name the directory that contains extension.toml"
	tests := map[string]string{
		"empty":  "empty/extension.toml: no such file" + hint,
		"absent": "absent: no such directory" + hint,
		"file":   "file: is a file, not the directory of an extension" + hint,
		"b.cnb":  "b.cnb: no such directory" + hint + `; to write that file, add "-o b.cnb"`,
		"many":   "many/extension.toml: no such file" + hint + ": many/a many/b",

		"many/a/bin/deep":        "many/a/bin/deep/extension.toml: no such file" + hint + ": many/a",
		"ghcr.io/acme/curl":      "ghcr.io/acme/curl: no such directory" + hint + `; to publish there, add "--push -t ghcr.io/acme/curl"`,
		"acme/curl:1":            "acme/curl:1: no such directory" + hint + `; to publish there, add "--push -t acme/curl:1"`,
		"./v1.0/curl":            "./v1.0/curl: no such directory" + hint,
		"many/a/extension.toml/": "many/a/extension.toml: is a file, not the directory of an extension\n  name its directory: many/a",

		"upper":     "upper/extension.toml: no such file\n  rename Extension.toml to extension.toml",
		"buildpack": "buildpack/extension.toml: no such file\n  " + `buildpack.toml describes a buildpack, which "pack buildpack package" packages; image extensions have extension.toml`,
		"layout":    "layout/extension.toml: no such file\n  " + `"docker extpack inspect layout" shows its content, "docker extpack index create -t REFERENCE layout" publishes it`,
		"a.cnb":     "a.cnb: is a package file, not the directory of an extension\n  " + `"docker extpack inspect a.cnb" shows its content, "docker extpack index create -t REFERENCE a.cnb" publishes it`,
		"folder":    "folder/extension.toml: is not a regular file" + hint,
		"large":     "large/extension.toml: the file is larger than 256 KiB\n  move other data to other files",
		"a\x00bc":   "a\x00bc/extension.toml: cannot be read: invalid argument" + hint,
	}
	t.Chdir(dir)
	for name, want := range tests {
		d, list, err := Read(name)
		if d != nil || !diag.IsInvalid(err) || len(list) != 1 {
			t.Errorf("%s: %v %v %v", name, d, list, err)
		} else if diag.Text(err) != filepath.FromSlash(want) {
			t.Errorf("got:\n%v\nwant:\n%s", err, want)
		}
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
