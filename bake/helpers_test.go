package bake

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	buildx "github.com/docker/buildx/bake"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/plan"
)

var update = flag.Bool("update", false, "write the golden files")

// files maps names to contents; "-> x" as content is a link to x.
type files map[string]string

// extensionDir makes an extension called name in the folder work; toml follows
// its head.
func extensionDir(t testing.TB, work, name, id, toml string, f files) string {
	t.Helper()
	dir := filepath.Join(work, name)
	all := files{"extension.toml": fmt.Sprintf("api = \"0.10\"\n[extension]\nid = %q\nversion = \"0.0.1\"\n", id) + toml}
	for k, v := range f {
		all[k] = v
	}
	filetest.Fill(t, dir, all)
	return dir
}

func targetTOML(platforms ...string) string {
	var b strings.Builder
	for _, p := range platforms {
		parts := append(strings.Split(p, "/"), "")
		fmt.Fprintf(&b, "[[targets]]\nos = %q\narch = %q\nvariant = %q\n", parts[0], parts[1], parts[2])
	}
	return b.String()
}

var bin = files{"bin/detect": "", "bin/generate": ""}

func mustPlan(t testing.TB, opts plan.Options, dirs ...string) *plan.Plan {
	t.Helper()
	p, _, err := plan.New(t.Context(), dirs, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// simple plans one extension of that id for some platforms.
func simple(t testing.TB, id string, platforms ...string) *plan.Plan {
	t.Helper()
	return mustPlan(t, plan.Options{}, extensionDir(t, t.TempDir(), "x", id, targetTOML(platforms...), bin))
}

func mustFile(t testing.TB, p *plan.Plan, dir string) []byte {
	t.Helper()
	file, err := File(p, dir, FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// evaluate returns the targets that buildx builds for the names.
func evaluate(t testing.TB, file []byte, names ...string) map[string]*buildx.Target {
	t.Helper()
	return evaluateWith(t, file, nil, names...)
}

// evaluateWith is evaluate with other values of variables.
func evaluateWith(t testing.TB, file []byte, variables map[string]string, names ...string) map[string]*buildx.Target {
	t.Helper()
	in := []buildx.File{{Name: FileName, Data: file}}
	targets, _, err := buildx.ReadTargets(t.Context(), in, names, nil, nil, variables, &buildx.EntitlementConf{})
	if err != nil {
		t.Fatalf("buildx does not read the file: %v\n%s", err, file)
	}
	return targets
}

func mustTargets(t testing.TB, p *plan.Plan) []Target {
	t.Helper()
	targets, err := Targets(p)
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// wantInvalid checks that the error has exactly this text, in which FILE is the
// descriptor of the first extension.
func wantInvalid(t testing.TB, p *plan.Plan, err error, want string) {
	t.Helper()
	if !diag.IsInvalid(err) {
		t.Fatalf("got %v (%T), want a *diag.InvalidError", err, err)
	}
	if got := strings.ReplaceAll(diag.Text(err), p.Extensions[0].Descriptor.File, "FILE"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
