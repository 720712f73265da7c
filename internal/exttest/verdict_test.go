package exttest

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// TestVerdict: only a case that failed, or that no platform has, is invalid
// input; a case that cannot be run is a failure if all have to run.
func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		statuses []Status
		all      bool
		want     string
		invalid  bool
	}{
		{[]Status{Passed}, true, "", false},
		{[]Status{Passed, NotRun}, false, "", false},
		{[]Status{Passed, NotRun}, true, "1 case of 2 could not be run (--all-platforms)", false},
		{[]Status{NotRun, NotRun}, false, "no case could be run", false},
		{[]Status{NotRun, Failed, Passed, Failed}, true, "2 cases of 4 failed", true},
		{nil, true, "no case applies to a platform of --target", true},
	} {
		var results []Result
		for _, s := range c.statuses {
			results = append(results, Result{Status: s})
		}
		err := Verdict(results, c.all)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want || diag.IsInvalid(err) != c.invalid {
			t.Errorf("%v, all %v: %q, invalid %v; want %q", c.statuses, c.all, got, diag.IsInvalid(err), c.want)
		}
	}
}

// TestGroups tests subjects with the same images together, in their order.
func TestGroups(t *testing.T) {
	t.Parallel()
	one, two := With{BuilderImage: "one"}, With{BuilderImage: "two"}
	subjects := []*Subject{{ID: "a", With: one}, {ID: "b", With: two}, {ID: "c"}, {ID: "d", With: one}}
	var got []string
	for _, g := range (Request{Subjects: subjects, With: two}).groups() {
		text := g.BuilderImage + ":"
		for _, s := range g.Subjects {
			text += s.ID
		}
		got = append(got, text)
	}
	if want := "one:ad two:bc"; strings.Join(got, " ") != want {
		t.Errorf("groups %v, want %s", got, want)
	}
}
