package verify

import (
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

var severities = map[Severity]diag.Severity{Error: diag.Error, Warning: diag.Warning, Note: diag.Note}

// Diagnostics returns the findings about the files of an extension, and all other
// errors. What several platforms have is in the list once; the message names the
// platforms unless all have it.
func (r *Report) Diagnostics() diag.List {
	var list diag.List
	on := map[diag.Diagnostic][]string{}
	for _, f := range r.Findings {
		ofFiles := rules.ByID(f.ID) != nil
		if !ofFiles && f.Severity != Error {
			continue
		}
		d := diag.Diagnostic{
			Position: diag.Position{File: f.Subject, Line: f.Line, Column: f.Column}, Severity: severities[f.Severity], Rule: f.ID, Message: f.Message,
		}
		if !ofFiles {
			d.Hint = f.Hint
		}
		if on[d] == nil {
			list = append(list, d)
		}
		on[d] = append(on[d], f.Platform)
	}
	for i, d := range list {
		if platforms := on[d]; len(platforms) < len(r.Platforms) && platforms[0] != "" {
			list[i].Message += " (" + strings.Join(platforms, ", ") + ")"
		}
	}
	return list
}
