package verify

import (
	"slices"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// TestDiagnostics merges what platforms have in common and names those that have
// the rest. Of the checks of packages only errors are left.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	amd64, arm64 := "linux/amd64", "linux/arm64"
	r := &Report{Platforms: []Platform{{Platform: amd64}, {Platform: arm64}}, Findings: []Finding{
		{ID: rules.EntryPoint.ID, Severity: Error, Platform: amd64, Subject: "bin/detect", Line: 1, Column: 2, Message: "no interpreter", Hint: "left to the rule"},
		{ID: rules.Secret.ID, Severity: Warning, Platform: amd64, Subject: "key.pem", Message: "a key"},
		{ID: rules.Secret.ID, Severity: Warning, Platform: arm64, Subject: "key.pem", Message: "a key"},
		{ID: "presence", Severity: Error, Message: "a blob is missing", Hint: "push again"},
		{ID: "presence", Severity: Warning, Message: "left out"},
	}}
	want := diag.List{
		{Position: diag.Position{File: "bin/detect", Line: 1, Column: 2}, Rule: rules.EntryPoint.ID, Message: "no interpreter (linux/amd64)"},
		{Position: diag.Position{File: "key.pem"}, Severity: diag.Warning, Rule: rules.Secret.ID, Message: "a key"},
		{Rule: "presence", Message: "a blob is missing", Hint: "push again"},
	}
	if got := r.Diagnostics(); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
