package rules_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

func TestCatalogue(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, r := range rules.All() {
		switch {
		case !id.MatchString(r.ID), seen[r.ID]:
			t.Errorf("the ID %q is malformed or given twice", r.ID)
		case !strings.HasSuffix(r.Summary, ".") || strings.Count(r.Summary, "\n") > 0:
			t.Errorf("%s: the summary is not a sentence: %q", r.ID, r.Summary)
		case r.Source == "" || r.Section == "" || r.Fix == "":
			t.Errorf("%s: the source, its section or the fix is missing", r.ID)
		case r.Required && r.Severity != diag.Error:
			t.Errorf("%s: only errors can be required", r.ID)
		case r.Lifecycle && r.Severity != diag.Error:
			t.Errorf("%s: what the lifecycle refuses is an error", r.ID)
		case rules.ByID(r.ID) != r:
			t.Errorf("%s is not found", r.ID)
		}
		seen[r.ID] = true
	}
	if rules.ByID("none") != nil {
		t.Error("an unknown rule is found")
	}
}

func TestExceptions(t *testing.T) {
	found := func(rule *rules.Rule, file string) diag.Diagnostic { return rule.At(diag.Position{File: file}, "x") }
	list := diag.List{
		found(rules.Secret, "ext/a.pem"), found(rules.Secret, "ext/keys/b.pem"), found(rules.Secret, "ext/keysafe"),
		found(rules.LargeFile, "ext/keys/big"), found(rules.IDInvalid, "ext/extension.toml"),
		{Message: "no rule"},
	}
	var used []int
	got := rules.Exceptions{
		{Rule: "large-file"}, {Rule: "secret", Path: "keys"}, {Rule: "id-invalid"}, {Rule: "sbom"},
	}.Filter("ext", list, func(i int) { used = append(used, i) })
	var names []string
	for _, d := range got {
		names = append(names, d.File)
	}
	if want := "ext/a.pem ext/keysafe ext/extension.toml "; strings.Join(names, " ") != want {
		t.Errorf("left are %q, want %q", strings.Join(names, " "), want)
	}
	if len(used) != 2 || used[0] != 1 || used[1] != 0 {
		t.Errorf("used are %v", used)
	}
}
