package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/extpack/extpack/internal/plan"
)

// engine returns a fake that counts its builds and fails with err.
func engine(builds *int, err error) Engine {
	return EngineFunc(func(context.Context, *plan.Plan, string) ([]plan.Built, error) {
		*builds++
		return nil, err
	})
}

func TestFallback(t *testing.T) {
	t.Parallel()
	failed := errors.New("no builder")
	for name, tt := range map[string]struct {
		err           error
		skip, why     string
		first, second int
		want          error
		notice        string
	}{
		"works":         {first: 1},
		"fails":         {err: failed, first: 1, want: failed},
		"not reachable": {err: failed, why: "it is down", first: 1, second: 1, notice: "it is down"},
		"skipped":       {err: failed, skip: "there is none", second: 1, notice: "there is none"},
	} {
		var first, second int
		var notice string
		f := Fallback{
			First: engine(&first, tt.err), Second: engine(&second, nil),
			Skip:        func(context.Context, *plan.Plan) string { return tt.skip },
			Unreachable: func(context.Context, *plan.Plan, error) string { return tt.why },
			Notify:      func(why string) { notice = why },
		}
		_, err := f.Build(t.Context(), &plan.Plan{}, t.TempDir())
		if !errors.Is(err, tt.want) || first != tt.first || second != tt.second || notice != tt.notice {
			t.Errorf("%s: %v, %d and %d builds, notice %q", name, err, first, second, notice)
		}
	}
}

// attester is a fake that records its calls.
type attester struct {
	Engine
	settings []string
}

func (a *attester) Attest(_ context.Context, _ *plan.Plan, _ func(*plan.Extension, int) map[string]string, settings []string, _ string) ([]plan.Built, error) {
	a.settings = settings
	return []plan.Built{{Dir: "attested"}}, nil
}

func TestAttestedBuildsTwiceWhereAsked(t *testing.T) {
	t.Parallel()
	var builds int
	a := &attester{Engine: engine(&builds, nil)}
	if built, err := (Attested{Attester: a}).Build(t.Context(), &plan.Plan{}, t.TempDir()); err != nil || len(built) > 0 || builds != 1 {
		t.Errorf("got %v, %v after %d builds", built, err, builds)
	}
	built, err := (Attested{Attester: a, Settings: []string{"type=sbom"}}).Build(t.Context(), &plan.Plan{}, t.TempDir())
	if err != nil || len(built) != 1 || builds != 2 || len(a.settings) != 1 {
		t.Errorf("got %v, %v after %d builds with %v", built, err, builds, a.settings)
	}
	a.Engine = engine(&builds, errors.New("failed"))
	if _, err := (Attested{Attester: a, Settings: []string{"type=sbom"}}).Build(t.Context(), &plan.Plan{}, t.TempDir()); err == nil {
		t.Error("the first build failed, and nothing was said")
	}
}
