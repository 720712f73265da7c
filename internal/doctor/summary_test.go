package doctor

import (
	"slices"
	"testing"

	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/plan"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	ok, warning, failed := Check{Name: "docker", State: OK}, Check{Name: "disk", State: Warning}, Check{Name: "buildx", State: Error}
	tried := Check{Name: "build", State: OK}
	for want, checks := range map[string][]Check{
		"a build will work":                                         {ok, tried},
		"a build will work, with 2 warnings":                        {warning, tried, warning},
		"no problems found; no trial build was run":                 {ok},
		"no problems found, with 1 warning; no trial build was run": {ok, warning},
		"a build would fail: 2 errors":                              {failed, warning, tried, failed},
	} {
		if got := (&Report{Checks: checks}).Summary(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestAdd: what a smoke test pulls and runs is examined too, and an extension that
// cannot be read does not hide the others.
func TestAdd(t *testing.T) {
	t.Parallel()
	p, _, err := plan.New(t.Context(), []string{"../../examples/hello"}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := p.Extensions[0]
	for smoke, want := range map[string][]string{"": nil, "ghcr.io/acme/builder:1": {"ghcr.io"}, "builder:1": {"docker.io"}} {
		s := &Subject{}
		wrong := *e
		wrong.Tags = []string{"no tag"}
		s.Add(&wrong, nil, smoke)
		s.Add(e, linux("amd64"), smoke)
		if len(s.Extensions) != 1 || s.ExtensionErr == nil {
			t.Fatalf("got %+v, %v", s.Extensions, s.ExtensionErr)
		}
		x := s.Extensions[0]
		if x.Smoke != (smoke != "") || !slices.Equal(x.Pulls, want) || x.Smoke && len(x.Runs) != len(x.Platforms) || !x.Smoke && len(x.Runs) > 0 {
			t.Errorf("%q: got %+v", smoke, x)
		}
	}
}

func TestHasExtension(t *testing.T) {
	t.Parallel()
	dir := filetest.Dir(t, map[string]string{"one/extension.toml": "not valid", "none/": ""})
	for name, want := range map[string]bool{"one": true, "none": false, "missing": false} {
		if got := HasExtension(dir + "/" + name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
