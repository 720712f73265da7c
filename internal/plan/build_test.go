package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
)

const stageTable = "[metadata.extpack.build]\n"

// sources returns where the files of each image come from.
func sources(e *Extension) []string {
	var out []string
	for i, line := range describe(e) {
		name, root, _ := strings.Cut(line, " in ")
		if file := e.Images[i].Dockerfile; file != "" {
			root = file
		}
		out = append(out, name+" from "+root)
	}
	return out
}

func TestStageRoots(t *testing.T) {
	t.Parallel()
	all := target("linux", "amd64", "") + target("linux", "arm64", "") + target("linux", "arm", "v7")
	tests := []struct {
		name, toml string
		files      files
		want       []string
	}{
		{"one for all", all + stageTable, files{"Dockerfile": "FROM scratch"}, []string{"linux/amd64 from Dockerfile", "linux/arm64 from Dockerfile", "linux/arm/v7 from Dockerfile"}},
		{"builder's platform", stageTable, files{"Dockerfile": "FROM scratch", "Dockerfile.amd64": ""}, []string{"builder from Dockerfile"}},
		{
			"one for an architecture", all + stageTable,
			files{"Dockerfile": "FROM scratch", "Dockerfile.arm64": "FROM scratch", "Dockerfile.linux-amd64": "FROM scratch", "Dockerfile.amd64": "FROM scratch"},
			[]string{"linux/amd64 from Dockerfile.linux-amd64", "linux/arm64 from Dockerfile.arm64", "linux/arm/v7 from Dockerfile"},
		},
		{
			"one for a variant, elsewhere", all + stageTable + "dockerfile = \"build/file\"\n",
			files{"build/file": "FROM scratch", "build/file.arm-v7": "FROM scratch", "build/file.arm": "FROM scratch"},
			[]string{"linux/amd64 from build/file", "linux/arm64 from build/file", "linux/arm/v7 from build/file.arm-v7"},
		},
		{
			"a folder counts more", all + stageTable,
			files{"Dockerfile": "FROM scratch", "linux/arm64/bin/generate": ""},
			[]string{"linux/amd64 from Dockerfile", "linux/arm64 from linux/arm64", "linux/arm/v7 from Dockerfile"},
		},
		{
			"a path counts most", target("linux", "amd64", "", `path = "."`) + target("linux", "arm64", "", `path = "arm"`) + target("linux", "s390x", "") + stageTable,
			files{"Dockerfile": "FROM scratch", "arm/bin/generate": "", "bin/generate": ""},
			[]string{"linux/amd64 from .", "linux/arm64 from arm", "linux/s390x from Dockerfile"},
		},
		{
			"distros", target("linux", "amd64", "", distros("ubuntu@22.04", "ubuntu@24.04")) + stageTable,
			files{"Dockerfile": "FROM scratch", "linux/amd64/ubuntu@22.04/bin/generate": ""},
			[]string{"linux/amd64(22.04) ubuntu@22.04 from linux/amd64/ubuntu@22.04", "linux/amd64(24.04) ubuntu@24.04 from Dockerfile"},
		},
		{"caches alone are not a stage", stageTable + "cache-to = [\"type=inline\"]\n", files{"bin/generate": ""}, []string{"any from ."}},
		{"caches of a stage", stageTable + "cache-to = [\"type=inline\"]\n", files{"Dockerfile": "FROM scratch"}, []string{"builder from Dockerfile"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sources(mustPlan(t, extensionDir(t, tt.toml, tt.files), Options{})); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// Of the extension directory only what is shared, and the descriptor, come with
// what the stage holds.
func TestStageFiles(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, "[metadata]\ninclude-files = [\"bin/generate\"]\n[metadata.extpack]\nshared = [\"LICENSE\", \"lib\"]\n"+stageTable,
		files{"Dockerfile": "FROM scratch", "LICENSE": "", "lib/a": "", "main.go": "", "bin/other": ""})
	e := mustPlan(t, dir, Options{})
	got := packed(t, dir, e.Images[0])
	if len(got) != 3 || got["LICENSE"] == "" || got["lib/a"] == "" || got["extension.toml"] == "" {
		t.Errorf("got %v", got)
	}
	if steps := e.Images[0].Steps; steps[len(steps)-1].Source != "extension.toml" {
		t.Errorf("the descriptor does not come last, after the stage: %v", steps)
	}
}

func TestStageRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, toml string
		files      files
		want       []string
	}{
		{
			"no stage of that name", stageTable + "stage = \"out\"\n",
			files{"Dockerfile": "FROM a AS one\nFROM b\nFROM c AS Two\n"},
			[]string{`DIR/extension.toml:6:9: DIR/Dockerfile has no stage "out": it has one, two`},
		},
		{"no stage with a name", stageTable + "stage = \"out\"\n", files{"Dockerfile": "FROM a\n"}, []string{`DIR/extension.toml:6:9: DIR/Dockerfile has no stage "out": no stage has a name`}},
		{
			"contexts and secrets", stageTable + "contexts = { a = \"gone\", b = \"target:x\", c = \"cwd:///etc\", d = \"oci-layout://gone:1\" }\nssh = [\"default=\", \"=key\"]\nsecrets = [\"src=x\"]\ncache-to = [\"mode=max,ref=x\"]\n",
			files{"Dockerfile": "FROM a\n"},
			[]string{
				`DIR/extension.toml:6:14: context a: folder DIR/gone not found
  write "docker-image://…" before the name of an image`,
				`DIR/extension.toml:6:26: context b: "target:x" names a bake target, but only docker extpack defines targets
  add a stage to the Dockerfile instead`,
				`DIR/extension.toml:6:42: context c: folder DIR/cwd:/etc not found
  write "docker-image://…" before the name of an image`,
				`DIR/extension.toml:6:60: context d: folder DIR/gone with an OCI layout not found`,
				`DIR/extension.toml:7:8: ssh "default=": a path is missing`,
				`DIR/extension.toml:7:20: ssh "=key" has no ID
  write default, ID=SOCKET or ID=KEY`,
				`DIR/extension.toml:8:12: secret "src=x": has no id
  write id=NAME,src=FILE or id=NAME,env=VARIABLE`,
				`DIR/extension.toml:9:13: cache "mode=max,ref=x": has no type
  write type=registry,ref=IMAGE or another type that docker buildx supports`,
			},
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

// An error of a flag does not name a file.
func TestContextOfFlagRefused(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, stageTable, files{"Dockerfile": "FROM a\n"})
	_, _, err := New(t.Context(), []string{dir}, Options{Contexts: map[string]string{"a": "gone", "b": "target:x"}})
	wantInvalid(t, dir, err,
		`--build-context a: folder gone not found
  write "docker-image://…" before the name of an image`,
		`--build-context b: "target:x" names a bake target, but only docker extpack defines targets
  add a stage to the Dockerfile instead`)
}

// What another frontend reads, and what cannot be read here, is the builder's
// to judge; so is a stage by its number.
func TestStagesThatAreNotLookedAt(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct{ stage, file string }{
		"another frontend": {"out", "# syntax=example.com/frontend\nwhatever\n"},
		"not a Dockerfile": {"out", "RUN <<EOF\n"},
		"a number":         {"0", "FROM scratch\n"},
		"Docker's own":     {"OUT", "# syntax=docker/dockerfile:1\nFROM scratch AS \\\n  out\n"},
	} {
		t.Run(name, func(t *testing.T) {
			mustPlan(t, extensionDir(t, stageTable+"stage = \""+f.stage+"\"\n", files{"Dockerfile": f.file}), Options{})
		})
	}
}

func TestStageFlags(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, stageTable+"args = { A = \"1\", B = \"2\" }\ncontexts = { src = \"src\", go = \"docker-image://go\" }\n"+
		"secrets = [\"id=a,src=a.txt\", \"id=b,env=B\"]\nssh = [\"default=a.key,/b.key\"]\ncache-from = [\"type=registry,ref=r.example/{{.Slug}}\"]\n",
		files{"Dockerfile": "FROM scratch", "src/a": ""})
	e := mustPlan(t, dir, Options{})
	if got := e.Build.Secrets[0].Path; got != filepath.Join(dir, "a.txt") {
		t.Errorf("the secret's file is %s", got)
	}
	if got, want := e.Build.SSH[0].String(), "default="+filepath.Join(dir, "a.key")+",/b.key"; got != want {
		t.Errorf("ssh is %s, want %s", got, want)
	}
	if got := e.CacheFrom[0].String(); got != "type=registry,ref=r.example/samples_x" {
		t.Errorf("the cache is %s", got)
	}
	secret, err := ParseSecret("id=a,env=OTHER")
	if err != nil {
		t.Fatal(err)
	}
	e = mustPlan(t, dir, Options{
		Args: map[string]string{"B": "3"}, Contexts: map[string]string{"go": "git@example.com:a/b"}, Secrets: []Spec{secret}, SSH: []string{"default=/run/agent"},
		CacheFrom: []string{"r.example/other:{{.Version}}"},
	})
	b := e.Build
	if b.Args["A"] != "1" || b.Args["B"] != "3" || b.Contexts["src"] != filepath.Join(dir, "src") || b.Contexts["go"] != "git@example.com:a/b" {
		t.Errorf("args %v, contexts %v", b.Args, b.Contexts)
	}
	if len(b.Secrets) != 2 || b.Secrets[0].Get("id") != "b" || b.Secrets[1].Get("env") != "OTHER" || len(b.SSH) != 1 || b.SSH[0].String() != "default=/run/agent" || b.SSH[0].Flag != "--ssh" {
		t.Errorf("secrets %v, ssh %v", b.Secrets, b.SSH)
	}
	if got := e.CacheFrom[0].String(); got != "type=registry,ref=r.example/other:0.0.1" || len(e.CacheFrom) != 1 {
		t.Errorf("the cache is %s", got)
	}
}

func TestUnusedStagesAreWarnedOf(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, target("linux", "amd64", "")+stageTable, files{"Dockerfile": "FROM scratch", "linux/amd64/bin/generate": ""})
	p, list, err := New(t.Context(), []string{dir}, Options{Args: map[string]string{"A": "1"}})
	if err != nil || len(list) != 2 || p.Extensions[0].Build != nil {
		t.Fatalf("got %v, %v", list, err)
	}
	for i, want := range []string{"--ulimit and --add-host have no effect, because no target has a build stage", "no target uses the build stage: each has a platform folder"} {
		if !strings.Contains(list[i].Message, want) {
			t.Errorf("got %s, want %s", list[i], want)
		}
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	want := []string{"D.linux-arm-v7", "D.linux-arm", "D.arm-v7", "D.arm", "D"}
	if got := candidates("D", v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestLayoutFolder(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0", 64)
	for path, want := range map[string]string{
		"a/lay": "a/lay", "a/lay:1": "a/lay", "a/lay:1@" + digest: "a/lay", "a/lay@" + digest: "a/lay",
		// Those are names of folders, as buildx reads them.
		"a@b/lay": "a@b/lay", "a:b/lay:1": "a:b/lay",
	} {
		if got := LayoutFolder(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestCachesWithoutAPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"type=registry,mode=max": "has no ref\n  write type=registry,ref=IMAGE", "type=local": "has no dest\n  write type=local,dest=FOLDER", "mode=max,ref=x": "has no type\n  write type=registry,ref=IMAGE or another type that docker buildx supports",
		"type=gha": "", "type=inline": "", "type=s3,bucket=b": "", "inline": "", "r.example/a": "",
	} {
		_, err := ParseCache(text, "dest")
		if (err == nil) != (want == "") || err != nil && diag.Text(err) != want {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// What is checked is the first of two, and what buildx reads is the last.
func TestFieldsThatStandTwice(t *testing.T) {
	t.Parallel()
	for text, parse := range map[string]func(text string) (Spec, error){
		"id=a,ID=/etc/shadow":                            ParseSecret,
		"type=registry,ref=r.example/a,type=local,src=/": func(text string) (Spec, error) { return ParseCache(text, "src") },
		"type=gha,token=x,Type=inline":                   func(text string) (Spec, error) { return ParseCache(text, "dest") },
	} {
		if s, err := parse(text); err == nil || !strings.HasSuffix(diag.Text(err), " twice") {
			t.Errorf("%s: got %v, %v", text, s, err)
		}
	}
}

// What is outside the extension may be any file of the user's: nothing of it is
// quoted, and a link does not lead there.
func TestStageOutside(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("FROM scratch AS password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := extensionDir(t, stageTable+"stage = \"out\"\n", files{"Dockerfile": "-> " + outside})
	if _, _, err := New(t.Context(), []string{dir}, Options{}); !diag.IsInvalid(err) || strings.Contains(diag.Text(err), "password") ||
		!strings.Contains(diag.Text(err), "extension.toml:5:1: the Dockerfile ") {
		t.Errorf("got %v", err)
	}
	dir = t.TempDir()
	write(t, dir, files{"secret": "FROM scratch AS password\n", "x/extension.toml": head + stageTable + "stage = \"out\"\ndockerfile = \"../secret\"\n"})
	if p, _, err := New(t.Context(), []string{filepath.Join(dir, "x")}, Options{}); err != nil || p.Extensions[0].Images[0].Dockerfile != "../secret" {
		t.Errorf("got %v", err)
	}
}
