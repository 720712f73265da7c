package engine

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
)

// builder is a fake of buildx. It packs without a daemon, and records its calls.
type builder struct {
	calls                  []string
	none                   string
	down                   bool
	answers, failed, lists error
}

func (b *builder) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	b.calls = append(b.calls, "build")
	if b.failed != nil {
		return nil, b.failed
	}
	return new(embedded.Engine).Build(ctx, p, dir)
}

func (b *builder) Attest(_ context.Context, p *plan.Plan, labels func(e *plan.Extension, image int) map[string]string, settings []string, _ string) ([]plan.Built, error) {
	b.calls = append(b.calls, "attest "+strings.Join(settings, " "))
	if len(labels(p.Extensions[0], 0)) == 0 {
		return nil, errors.New("no labels")
	}
	return nil, nil
}

func (b *builder) CopiesDir(*plan.Extension) bool { return false }

func (b *builder) CopyDirs(context.Context, []*plan.Extension, string) ([]plan.Copy, error) {
	return nil, errors.New("nothing to copy")
}

func (b *builder) CheckAnswers(context.Context, string) error { return b.answers }

func (b *builder) NoBuilder(context.Context, string) (string, error) { return b.none, b.lists }

func (b *builder) Reachable(context.Context, string) (bool, error) { return !b.down, b.lists }

// static returns the plan of an extension without a build stage.
func static(t *testing.T) *plan.Plan {
	t.Helper()
	dir := filetest.Dir(t, map[string]string{
		"extension.toml": "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.0.0\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
		"*bin/generate":  "#!/bin/sh\n",
	})
	p, _, err := plan.New(t.Context(), []string{dir}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// staged returns the plan of an extension with a build stage.
func staged(t *testing.T) *plan.Plan {
	t.Helper()
	p := static(t)
	p.Extensions[0].Images[0].Dockerfile = "Dockerfile"
	return p
}

func TestChoose(t *testing.T) {
	t.Parallel()
	failed := errors.New("exit status 1")
	lacking := errors.New("no docker-buildx")
	missing := diag.WithHint(lacking, "install it")
	refused := &buildx.BuildError{Cause: "no engine responds", NoBuilder: true}
	for name, tt := range map[string]struct {
		engine   string // auto without one
		requires []string
		stage    bool
		builder  builder
		find     error
		built    string // by buildx
		notice   string // of packing without a builder
		want     error
		hint     string
	}{
		"a builder answers":              {built: "build"},
		"no builder":                     {builder: builder{none: "there is none"}, notice: "there is none"},
		"no builder, required by a flag": {requires: []string{"--set"}, builder: builder{none: "there is none", failed: failed}, built: "build", want: failed},
		"no builder, required by stage":  {stage: true, builder: builder{none: "there is none", failed: failed}, built: "build", want: failed},
		"builders cannot be listed":      {builder: builder{none: "there is none", lists: failed}, built: "build"},
		"no buildx":                      {find: missing, notice: "no docker-buildx"},
		"no buildx, stage":               {stage: true, find: missing, want: missing, hint: "install it"},
		"no buildx, named":               {engine: Buildx, find: missing, want: lacking, hint: "install it; extensions that are not compiled need none with --engine embedded"},
		"wrong flags":                    {find: diag.Invalidf("--tlscert"), want: &diag.InvalidError{}},
		"the build fails":                {builder: builder{failed: failed}, built: "build", want: failed},
		"the builder is gone":            {builder: builder{failed: failed, down: true}, built: "build", notice: "exit status 1"},
		"the builder is gone, named":     {engine: Buildx, builder: builder{failed: failed, down: true}, built: "build", want: failed},
		"nothing can be asked":           {builder: builder{failed: failed, down: true, lists: failed}, built: "build", want: failed},
		"no node starts":                 {builder: builder{failed: refused}, built: "build", notice: "no engine responds"},
		"refused":                        {builder: builder{answers: refused}, notice: "no engine responds"},
		"refused, required":              {requires: []string{"--set"}, builder: builder{answers: refused}, want: refused},
		"embedded":                       {engine: Embedded, find: errors.New("not to be looked for")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := static(t)
			if tt.stage {
				p = staged(t)
			}
			looked, notice := 0, ""
			r := Request{
				Name: tt.engine, Requires: tt.requires,
				Find: func(attested bool) (Builder, error) {
					if looked++; attested {
						t.Error("attested")
					}
					return &tt.builder, tt.find
				},
				Notify: func(why string) { notice = why },
			}
			if r.Name == "" {
				r.Name = Auto
			}
			built, err := r.Choose().Build(t.Context(), p, t.TempDir())
			if (err == nil) != (tt.want == nil) || err == nil && len(built) != 1 {
				t.Fatalf("%d layouts, %v; want %v", len(built), err, tt.want)
			}
			if invalid := (*diag.InvalidError)(nil); tt.want != nil && !errors.Is(err, tt.want) && !(errors.As(tt.want, &invalid) && diag.IsInvalid(err)) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.hint != "" && !strings.HasSuffix(diag.Text(err), "\n  "+tt.hint) {
				t.Errorf("got %q, want the hint %q", diag.Text(err), tt.hint)
			}
			if calls := strings.Join(tt.builder.calls, " "); calls != tt.built || notice != tt.notice || looked > 1 {
				t.Errorf("buildx did %q, found %d times, notice %q", calls, looked, notice)
			}
		})
	}
}

func TestChooseAttested(t *testing.T) {
	t.Parallel()
	var b builder
	r := Request{
		Name: Auto, Requires: []string{"--provenance"}, Attest: []string{"type=provenance"},
		Find: func(attested bool) (Builder, error) {
			if !attested {
				t.Error("not attested")
			}
			return &b, nil
		},
	}
	if _, err := r.Choose().Build(t.Context(), static(t), t.TempDir()); err != nil || !slices.Equal(b.calls, []string{"build", "attest type=provenance"}) {
		t.Errorf("%q, %v", b.calls, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	flag := []string{"--smoke", "--test"}
	for _, r := range []Request{{Name: Auto, Requires: flag}, {Name: Buildx, Requires: flag}, {Name: Embedded}} {
		if err := r.Check(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for want, r := range map[string]Request{
		"--smoke requires a builder, and --engine embedded has none": {Name: Embedded, Requires: flag},
		`--engine "embeded" is not supported`:                        {Name: "embeded"},
	} {
		if err := r.Check(); !diag.IsInvalid(err) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestCheckPlan: the embedded engine runs no build stages, and uses no grants.
func TestCheckPlan(t *testing.T) {
	t.Parallel()
	for _, name := range Names {
		r := Request{Name: name}
		if err := r.CheckPlan(static(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.CheckPlan(staged(t)); diag.IsInvalid(err) != (name == Embedded) {
			t.Errorf("%s, with a stage: %v", name, err)
		}
	}
}

func TestDiffIDs(t *testing.T) {
	t.Parallel()
	p := static(t)
	want, err := DiffIDs(t.Context(), p, nil)
	if err != nil || len(want[p.Extensions[0]]) != 1 {
		t.Fatalf("got %v, %v", want, err)
	}
	stage := staged(t)
	if _, err := DiffIDs(t.Context(), stage, nil); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "use --complete=build") {
		t.Errorf("with a stage: %v", err)
	}
	built := 0
	find := func() (pipeline.Engine, error) {
		return pipeline.EngineFunc(func(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
			built++
			p.Extensions[0].Images[0].Dockerfile = "" // as its stage copies only
			return new(embedded.Engine).Build(ctx, p, dir)
		}), nil
	}
	both := &plan.Plan{Extensions: append(static(t).Extensions, stage.Extensions...)}
	got, err := DiffIDs(t.Context(), both, find)
	if err != nil || built != 1 {
		t.Fatalf("%d builds, %v", built, err)
	}
	for _, e := range both.Extensions {
		if !slices.Equal(got[e], want[p.Extensions[0]]) {
			t.Errorf("got %v, want %v", got[e], want)
		}
	}
	failed := errors.New("no buildx")
	if _, err := DiffIDs(t.Context(), staged(t), func() (pipeline.Engine, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("without buildx: %v", err)
	}
}

// BuildKit keeps times before 1970 and access control lists, so that its layer is
// another one.
func TestDiffIDsOfKeptAttributes(t *testing.T) {
	t.Parallel()
	p := static(t)
	check := func(what string) {
		t.Helper()
		if _, err := DiffIDs(t.Context(), p, nil); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "not possible: it has "+what+", which BuildKit keeps") {
			t.Errorf("got %v", err)
		}
	}
	f := p.Extensions[0].Images[0].Files["bin/generate"]
	before := f.ModTime
	f.ModTime = -1
	check("a time before 1970")
	f.ModTime = before
	if _, err := DiffIDs(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	if !setACL(t, filepath.Join(p.Extensions[0].Dir, "bin", "generate")) {
		t.Skip("no access control lists here")
	}
	check("an access control list")
}
