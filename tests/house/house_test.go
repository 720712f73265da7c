// Package house_test checks the architecture of the repository: which package
// may import which, what the plugin may link, and that every package has a
// comment.
package house_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/extpack/extpack"

// listed is what "go list -json" says of a package.
type listed struct {
	ImportPath                         string
	Doc                                string
	Imports                            []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

func list(t *testing.T, env []string, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Doc,Imports,GoFiles,TestGoFiles,XTestGoFiles"}, args...)...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// TestArrowsRunDown: commands use everything, bake uses what is below internal
// and hcl, internal packages know neither, hcl and diag know nothing of ours.
func TestArrowsRunDown(t *testing.T) {
	forbidden := map[string][]string{
		"/internal/":     {"/bake", "/cli-plugin", "/hcl", "/tests"},
		"/hcl":           {"/"},
		"/internal/diag": {"/"},
		"/bake":          {"/cli-plugin", "/tests", "/internal/registry", "/internal/pipeline", "/internal/annotate", "/internal/verify", "/internal/ocilayout"},
		"/cli-plugin":    {"/tests"},
		// A source of one kind is copied to a destination of another by way of
		// package oci alone.
		"/internal/dockerfile/": {"/internal/plan/", "/internal/runimage/", "/internal/lint/"},
		"/internal/executable/": {"/internal/extension/", "/internal/plan/", "/internal/verify/"},
		"/internal/buildx/":     {"/internal/builder/", "/internal/extension/", "/internal/plan/", "/internal/registry/"},
		"/internal/exttest/":    {"/internal/annotate/", "/internal/pipeline/", "/internal/plan/", "/internal/source/", "/internal/suite/"},
		"/internal/ocilayout/":  {"/internal/registry/"},
		"/internal/registry/":   {"/internal/ocilayout/"},
	}
	for _, p := range list(t, nil, "./...") {
		own := strings.TrimPrefix(p.ImportPath, module) + "/"
		for from, targets := range forbidden {
			if !strings.HasPrefix(own, from) {
				continue
			}
			for _, imported := range p.Imports {
				to, ours := strings.CutPrefix(imported, module)
				to += "/"
				if ours && slices.ContainsFunc(targets, func(prefix string) bool { return strings.HasPrefix(to, prefix) }) {
					t.Errorf("%s may not import %s", own, to)
				}
			}
		}
		if own != "/internal/dockerfile/" && !strings.HasPrefix(own, "/tests/") && slices.ContainsFunc(p.Imports, func(s string) bool {
			return strings.HasPrefix(s, "github.com/moby/buildkit/")
		}) {
			t.Errorf("%s may not import BuildKit; package dockerfile reads Dockerfiles", own)
		}
		if own == "/internal/oci/" && slices.ContainsFunc(p.Imports, func(s string) bool {
			return strings.HasPrefix(s, module) && s != module+"/internal/diag"
		}) {
			t.Errorf("%s may import nothing of ours but diag", own)
		}
	}
}

// commandImports are what the commands may import besides packages of ours: enough
// to read flags, to print, and to be a docker plugin. Whatever reads files,
// speaks to servers or starts programs is in a package of internal.
var commandImports = []string{
	"bufio", "bytes", "context", "encoding/json", "encoding/xml", "errors", "fmt", "io", "log", "maps", "os", "os/signal",
	"path/filepath", "runtime", "slices", "strconv", "strings", "sync", "syscall", "time", "golang.org/x/sys/unix", "golang.org/x/term",
	"github.com/docker/cli/cli", "github.com/docker/cli/cli-plugins/metadata", "github.com/docker/cli/cli-plugins/plugin",
	"github.com/docker/cli/cli/command", "github.com/docker/cli/cli/config", "github.com/docker/cli/cli/flags",
	"github.com/opencontainers/go-digest", "github.com/opencontainers/image-spec/specs-go/v1",
	"github.com/spf13/cobra", "github.com/spf13/pflag", "go.opentelemetry.io/otel",
}

// commandFuncs are the functions of package os that commands may call: they are
// about the process.
var commandFuncs = []string{"Args", "Exit", "Getenv", "Interrupt", "LookupEnv", "Setenv", "Signal", "Stderr", "TempDir", "Unsetenv"}

// TestCommandsHaveNoLogic: a command turns flags into a request, and prints the
// result.
func TestCommandsHaveNoLogic(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, nil, "./cli-plugin") {
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) && !slices.Contains(commandImports, imported) {
				t.Errorf("cli-plugin may not import %s: what needs it belongs below internal", imported)
			}
		}
		for _, name := range p.GoFiles {
			src, err := os.ReadFile("../../cli-plugin/" + name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`\bos\.([A-Z]\w*)`).FindAllSubmatch(src, -1) {
				if !slices.Contains(commandFuncs, string(m[1])) {
					t.Errorf("%s uses os.%s: what needs it belongs below internal", name, m[1])
				}
			}
		}
	}
}

// leaves are the packages of BuildKit that the plugin may link: the reader of
// Dockerfiles. None of them is, or imports, a daemon, client or solver package.
var leaves = []string{
	"github.com/moby/buildkit/frontend/dockerfile/command",
	"github.com/moby/buildkit/frontend/dockerfile/instructions",
	"github.com/moby/buildkit/frontend/dockerfile/linter",
	"github.com/moby/buildkit/frontend/dockerfile/parser",
	"github.com/moby/buildkit/frontend/dockerfile/shell",
	"github.com/moby/buildkit/util/stack",
	"github.com/moby/buildkit/util/suggest",
}

// TestPluginIsLean: docker runs the metadata command of every plugin often, so
// the plugin links no daemon, client or solver package.
func TestPluginIsLean(t *testing.T) {
	forbidden := []string{
		"github.com/docker/buildx", "github.com/docker/docker/", "github.com/moby/buildkit", "github.com/moby/moby/v2",
		"github.com/containerd/containerd", "github.com/distribution/distribution", "k8s.io/", "github.com/google/go-containerregistry",
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		packages := list(t, []string{"GOOS=" + system, "GOARCH=amd64", "CGO_ENABLED=0"}, "-deps", "./cli-plugin/docker-extpack")
		if len(packages) < 100 {
			t.Fatalf("%s: go list found only %d packages", system, len(packages))
		}
		for _, p := range packages {
			if !slices.Contains(leaves, p.ImportPath) && slices.ContainsFunc(forbidden, func(prefix string) bool { return strings.HasPrefix(p.ImportPath, prefix) }) {
				t.Errorf("%s: the plugin links %s", system, p.ImportPath)
			}
		}
	}
}

// TestPackagesSayWhatTheyAre asks for a package comment everywhere.
func TestPackagesSayWhatTheyAre(t *testing.T) {
	for _, p := range list(t, nil, "./...") {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// TestArchitectureNamesPackages: docs/architecture.md says what each package holds.
func TestArchitectureNamesPackages(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Rooms\n")
	table, _, _ = strings.Cut(table, "\n## ")
	dirs, err := os.ReadDir("../../internal")
	if err != nil || len(dirs) < 30 {
		t.Fatalf("%d packages, %v", len(dirs), err)
	}
	for _, d := range dirs {
		if !strings.Contains(table, "`"+d.Name()+"`") && !strings.Contains(table, "`internal/"+d.Name()+"`") {
			t.Errorf("internal/%s is in no row of the table", d.Name())
		}
	}
}

// TestReleaseIsBuiltAlike: what is released is what was tested, so make build and
// the release use the same tags.
func TestReleaseIsBuiltAlike(t *testing.T) {
	read := func(name string, pattern string) string {
		data, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(pattern).FindSubmatch(data)
		if m == nil {
			t.Fatalf("%s has no match for %s", name, pattern)
		}
		return string(m[1])
	}
	made := read("Makefile", `(?m)^TAGS\s*:=\s*(\S+)$`)
	released := read("docker-bake.hcl", `(?s)variable "GO_TAGS" \{\s*default\s*= "([^"]*)"`)
	if made != released {
		t.Errorf("make build has the tags %q, the release %q", made, released)
	}
	read("Makefile", `(go build[^\n]* -tags "\$\(TAGS\)"[^\n]* -o bin/docker-extpack\$\(EXE\))`)
	read("Makefile", `(install[^\n]*/docker-extpack\$\(EXE\)")`)
	read("Makefile", `(?m)^RELEASE\s*= .*( -tags "\$\(TAGS\)")`)
	read("docker-bake.hcl", `( -tags "\$GO_TAGS")`)
	read("internal/dist/build.go", `("-tags", r\.tags)`)
}
