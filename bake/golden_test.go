package bake

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/plan"
)

// goldens are plans by the name of their golden file. Directories are relative
// to work, the folder the file is for.
var goldens = map[string]func(t *testing.T, work string) *plan.Plan{
	"hello": func(t *testing.T, work string) *plan.Plan { return example(t, work, "hello") },
	"platform_roots": func(t *testing.T, work string) *plan.Plan {
		return example(t, work, "platform-roots")
	},
	"no_targets": func(t *testing.T, work string) *plan.Plan {
		return mustPlan(t, plan.Options{Tags: []string{"r.example/x:1"}}, extensionDir(t, work, "x", "x", "", bin))
	},
	"equal_platforms": func(t *testing.T, work string) *plan.Plan {
		return mustPlan(t, plan.Options{Tags: []string{"r.example/{{.ID}}:{{.Version}}"}},
			extensionDir(t, work, "a", "acme/a", targetTOML("linux/amd64", "linux/arm64"), bin),
			extensionDir(t, work, "b", "acme/b", targetTOML("linux/amd64", "linux/arm64"), bin))
	},
	"different_platforms": func(t *testing.T, work string) *plan.Plan {
		return mustPlan(t, plan.Options{},
			extensionDir(t, work, "a", "a-b", targetTOML("linux/amd64", "linux/arm64"), bin),
			extensionDir(t, work, "b", "a/b", targetTOML("linux/amd64"), bin),
			extensionDir(t, work, "c", "c", "", bin))
	},
	"include_files": func(t *testing.T, work string) *plan.Plan {
		return mustPlan(t, plan.Options{}, extensionDir(t, work, "x", "x",
			"[metadata]\ninclude-files = [\"bin/detect\", \"linux/arm64/lib\"]\n[metadata.extpack]\nshared = [\"LICENSE\", \"lib\"]\n",
			files{"LICENSE": "", "lib/a": "", "linux/amd64/bin/detect": "", "linux/arm64/bin/detect": "", "linux/arm64/lib/b": ""}))
	},
	"distros": func(t *testing.T, work string) *plan.Plan {
		return mustPlan(t, plan.Options{}, extensionDir(t, work, "x", "x", "",
			files{"linux/amd64/ubuntu@22.04/bin/detect": "", "linux/amd64/ubuntu@24.04/bin/detect": ""}))
	},
	"links": func(t *testing.T, work string) *plan.Plan {
		return mustPlan(t, plan.Options{}, extensionDir(t, work, "x", "x", "", files{"bin/detect": "", "link": "-> bin/detect"}))
	},
	"stage": func(t *testing.T, work string) *plan.Plan {
		return example(t, work, "compiled")
	},
	"stage_mixed": func(t *testing.T, work string) *plan.Plan {
		opts := plan.Options{Args: map[string]string{"B": "flag"}, CacheFrom: []string{"r.example/{{.Slug}}"}, Grants: grants.Set{Allowed: all}}
		return mustPlan(t, opts, extensionDir(t, work, "x", "acme/x", targetTOML("linux/amd64", "linux/riscv64", "linux/arm64", "linux/s390x")+stageTOML, files{
			"build/Dockerfile": "FROM scratch AS out", "build/Dockerfile.linux-arm64": "FROM scratch AS Out", "linux/s390x/bin/generate": "",
			"LICENSE": "", "src/a": "", "token.txt": "",
		}))
	},
	"stage_limits": func(t *testing.T, work string) *plan.Plan {
		opts := plan.Options{Grants: grants.Set{Allowed: all}, Ulimits: []string{"nofile=1024:2048", "nproc=64"}, AddHosts: []string{"b=10.0.0.3"}}
		return mustPlan(t, opts, extensionDir(t, work, "x", "x", targetTOML("linux/amd64", "linux/riscv64", "linux/arm64")+`[metadata.extpack.build]
stage = "out"
target = { "linux/arm64" = "out-arm64" }
pull = true
no-cache-filter = ["base", "out"]
shm-size = "128m"
ulimits = ["core=0"]
extra-hosts = { a = "10.0.0.1", b = "10.0.0.2" }
`, files{"Dockerfile": "FROM scratch AS base\nFROM base AS out\nFROM base AS out-arm64\n"}))
	},
	"compression": func(t *testing.T, work string) *plan.Plan {
		how := "[metadata.extpack.build]\ncompression = \"zstd\"\ncompression-level = 9\n"
		return mustPlan(t, plan.Options{},
			extensionDir(t, work, "a", "a", targetTOML("linux/amd64", "linux/arm64")+how, bin),
			extensionDir(t, work, "b", "b", targetTOML("linux/amd64"), bin))
	},
	"awkward": func(t *testing.T, work string) *plan.Plan {
		return mustPlan(t, plan.Options{}, extensionDir(t, work, `so "odd" ${x} %{if} dir`, "acme/odd.x_y", awkwardTOML, awkwardFiles))
	},
}

const stageTOML = `[metadata.extpack]
shared = ["LICENSE"]
[metadata.extpack.build]
dockerfile = "build/Dockerfile"
stage = "out"
args = { A = "${x} %{y}", B = "descriptor" }
contexts = { src = "src", go = "docker-image://golang:1.26" }
secrets = ["id=token,src=token.txt", "id=other,env=OTHER"]
ssh = ["default"]
network = "none"
cache-to = ["type=registry,ref=r.example/cache:{{.Slug}},mode=max", "type=local,dest=cache"]
`

const awkwardTOML = `name = "say \"${hello}\" %{ if x } $${kept} %%{kept} – 日本"
description = "line one\nline two\ttab \\ backslash \"quote\" ${x} $${y} %{z} %%{w} \u0001 \u007f EOT\nEOT\n"
[metadata]
include-files = ["bin", "%{if true}", "ünï cödé", "with space", "'single'", "EOT"]
[metadata.extpack.labels]
for = "null"
null = "for"
"${x}" = "${y}"
"%{x}" = "%{y}"
"with space \"q\"" = "a\nb"
`

var awkwardFiles = files{"bin/detect": "", "%{if true}/a": "", "ünï cödé/a": "", "with space": "", "'single'": "", "EOT/a": ""}

// example plans a copy of one of the repository's examples.
func example(t *testing.T, work, name string) *plan.Plan {
	t.Helper()
	dir := filepath.Join(work, name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "examples", name))); err != nil {
		t.Fatal(err)
	}
	return mustPlan(t, plan.Options{Tags: []string{"registry.example/{{.ID}}:{{.Version}}"}}, dir)
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, makePlan := range goldens {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			p := makePlan(t, work)
			file := mustFile(t, p, work)
			golden := filepath.Join("testdata", name+".hcl")
			if *update {
				if err := os.WriteFile(golden, file, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(file, want) {
				t.Errorf("got\n%s\nwant (rewrite it with -update)\n%s", file, want)
			}
			checkEvaluated(t, p, work)
			for _, target := range mustTargets(t, p) {
				lint(t, target)
			}
			if again := mustFile(t, makePlan(t, t.TempDir()), work); name == "hello" && bytes.Equal(again, file) {
				t.Error("the file does not say where the extension is")
			}
		})
	}
}

func TestEveryGoldenHasATest(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(filepath.Join("testdata", "*.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(goldens) {
		t.Errorf("%d golden files, %d tests: %q", len(found), len(goldens), found)
	}
}
