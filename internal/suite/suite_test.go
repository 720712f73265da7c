package suite

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/task"
)

// builder is a fake without a daemon. Cases are not run.
type builder struct {
	embedded.Engine
	built int
}

func (b *builder) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	b.built++
	p.Extensions[0].Images[0].Dockerfile = "" // as its stage copies only
	return b.Engine.Build(ctx, p, dir)
}

func (b *builder) Jobs(context.Context, []task.Job, string) (map[string]task.Result, error) {
	return nil, errors.New("not to be run")
}

const descriptor = `api = "0.10"
[extension]
id = "a/b"
version = "1.0.0"
[[targets]]
os = "linux"
arch = "amd64"
[[targets]]
os = "linux"
arch = "arm64"
[metadata.extpack.test]
builder-image = "builder:descriptor"
run-image = "run:descriptor"
`

// extensionDir returns the directory of an extension with files.
func extensionDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filetest.Dir(t, map[string]string{"extension.toml": descriptor, "*bin/generate": "#!/bin/sh\n"})
	filetest.Fill(t, dir, files)
	return dir
}

// made returns a suite, which logs to the lines.
func made(t *testing.T, r Request) (*Suite, *[]string) {
	t.Helper()
	var lines []string
	r.Log = func(format string, args ...any) { lines = append(lines, strings.TrimSpace(format)) }
	r.Client, r.Dir = registry.New(registry.Options{}), t.TempDir()
	r.Plan = func(ctx context.Context, dir string) (*plan.Plan, error) {
		p, _, err := plan.New(ctx, []string{dir}, plan.Options{})
		return p, err
	}
	if r.Builder == nil {
		r.Builder = &builder{}
	}
	s, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s, &lines
}

const cases = "[[case]]\nname = \"one\"\n[[case]]\nname = \"two\"\n"

func TestSubjectOfDirectory(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{"tests/x.toml": cases})
	s, _ := made(t, Request{Names: []string{dir}, Only: "^t", With: exttest.With{RunImage: "run:flag"}})
	one, read, err := s.subject(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if read != 2 || len(one.Cases) != 1 || one.Cases[0].Name != "two" {
		t.Errorf("read %d cases, kept %v", read, one.Cases)
	}
	if one.String() != "a/b@1.0.0" || one.API != "0.10" || len(one.Images) != 2 || one.Partial || one.Dir != dir {
		t.Errorf("got %+v", one)
	}
	if want := (exttest.With{BuilderImage: "builder:descriptor", RunImage: "run:flag"}); one.With != want {
		t.Errorf("with %+v, want %+v", one.With, want)
	}
	s, _ = made(t, Request{Names: []string{dir}, Platforms: []v1.Platform{{OS: "linux", Architecture: "arm64"}}})
	if one, _, err = s.subject(t.Context(), dir, nil); err != nil || len(one.Images) != 1 || !one.Partial {
		t.Errorf("for a platform: %+v, %v", one, err)
	}
	changed := []string{filepath.Join(dir, "tests", "other.toml")}
	if one, _, err = s.subject(t.Context(), dir, changed); err != nil || len(one.Cases) != 0 {
		t.Errorf("untouched: %+v, %v", one, err)
	}
}

// TestSubjectOfPackage: cases of a published package are in the working directory.
func TestSubjectOfPackage(t *testing.T) {
	dir := extensionDir(t, map[string]string{"my/x.toml": cases})
	s, _ := made(t, Request{Names: []string{dir}})
	one, _, err := s.subject(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	name := one.Layout
	t.Chdir(dir)
	s, _ = made(t, Request{Names: []string{name}, Cases: "my"})
	got, read, err := s.subject(t.Context(), name, nil)
	if err != nil || read != 2 || got.Name != name || got.Dir != "." || got.String() != one.String() || len(got.Images) != 2 || got.Layout == name {
		t.Errorf("got %+v, %d cases, %v", got, read, err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	l, err := ocilayout.Create(empty)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.WriteIndex(v1.Index{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.subject(t.Context(), empty, nil); !diag.IsInvalid(err) {
		t.Errorf("no extension: %v", err)
	}
}

func TestRunWithoutCases(t *testing.T) {
	t.Parallel()
	dir, none := extensionDir(t, map[string]string{"tests/x.toml": cases}), extensionDir(t, nil)
	for want, r := range map[string]Request{
		`--case "three": no case has a matching name`:            {Names: []string{dir}, Only: "three"},
		"no test cases found in " + filepath.Join(none, "tests"): {Names: []string{none}},
	} {
		s, _ := made(t, r)
		if _, err := s.Run(t.Context()); !diag.IsInvalid(err) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	s, _ := made(t, Request{Names: []string{dir}})
	if results, err := s.run(t.Context(), []string{filepath.Join(t.TempDir(), "elsewhere")}); err != nil || results != nil {
		t.Errorf("a change elsewhere: %v, %v", results, err)
	}
	if _, err := New(Request{Only: "("}); !diag.IsInvalid(err) {
		t.Errorf("a wrong expression: %v", err)
	}
	s, _ = made(t, Request{Names: []string{"registry.example.com/a/b:1"}})
	if err := s.Watch(t.Context(), nil, nil); !diag.IsInvalid(err) {
		t.Errorf("watching a reference: %v", err)
	}
}

// TestBuilder: only a build stage needs the builder.
func TestBuilder(t *testing.T) {
	t.Parallel()
	for _, stage := range []bool{false, true} {
		var b builder
		s, _ := made(t, Request{Builder: &b})
		newPlan := s.Plan
		s.Plan = func(ctx context.Context, dir string) (*plan.Plan, error) {
			p, err := newPlan(ctx, dir)
			if err == nil && stage {
				p.Extensions[0].Images[0].Dockerfile = "Dockerfile"
			}
			return p, err
		}
		if _, _, err := s.build(t.Context(), extensionDir(t, nil)); err != nil || (b.built > 0) != stage {
			t.Errorf("stage %v: %d builds, %v", stage, b.built, err)
		}
	}
}

// TestPackage: a package that a build has made may have no cases.
func TestPackage(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, nil)
	s, lines := made(t, Request{})
	p, err := s.Plan(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ocilayout.Create(filepath.Join(t.TempDir(), "layout"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	results, err := s.Package(t.Context(), p.Extensions[0], &annotate.Package{Layout: l}, false)
	if err != nil || results != nil || len(*lines) != 1 || (*lines)[0] != "%s has no test cases" {
		t.Errorf("%v, %v, %q", results, err, *lines)
	}
}

// TestBeside packages an extension once, for all cases that name it.
func TestBeside(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, nil)
	s, _ := made(t, Request{Names: []string{dir}})
	first, err := s.beside(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.beside(t.Context(), dir+"/."); err != nil || again != first {
		t.Errorf("packaged again: %v, %v", again, err)
	}
	if _, err := s.beside(t.Context(), extensionDir(t, nil)); !diag.IsInvalid(err) {
		t.Errorf("elsewhere: %v", err)
	}
}
