// Package rules is the catalogue of what docker extpack checks in the files of
// an extension: each rule has an ID, a severity, the document it comes from and
// what to do about a finding. docs/rules.md is generated from it.
//
// It checks nothing itself and knows no file format. Package extension reports
// what is wrong with a descriptor, package lint what is wrong with the other
// files, and both do so by the rules of this catalogue.
package rules

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/extpack/extpack/internal/diag"
)

// Rule is one thing that holds for a sound extension.
type Rule struct {
	// ID is stable: scripts and exceptions rely on it.
	ID       string
	Severity diag.Severity
	// Summary is what holds when nothing is found, in one sentence.
	Summary string
	// Source is the document that the rule comes from, Section the part of it.
	Source, Section string
	// Fix says what to do about a finding.
	Fix string
	// Lifecycle is whether the lifecycle's own code refuses a violation.
	Lifecycle bool
	// Online rules ask a registry.
	Online bool
	// Directory rules are about the directory of an extension, not a package.
	Directory bool
	// Run rules are decided by running the programs: "build --smoke".
	Run bool
	// Advice is about what could be better, and not wrong with a package.
	Advice bool
	// Fixable rules are ones that "lint --fix" repairs.
	Fixable bool
	// Required rules cannot be turned off: without them there is no package.
	Required bool
}

// At returns a finding of the rule at pos. It has no hint: what to do about any
// finding of a rule is its Fix.
func (r *Rule) At(pos diag.Position, format string, args ...any) diag.Diagnostic {
	return diag.Diagnostic{Position: pos, Severity: r.Severity, Rule: r.ID, Message: fmt.Sprintf(format, args...)}
}

// Undecidable returns a note that the rule cannot be decided at pos, and why.
func (r *Rule) Undecidable(pos diag.Position, format string, args ...any) diag.Diagnostic {
	d := r.At(pos, "cannot be decided: "+format, args...)
	d.Severity = diag.Note
	return d
}

// All returns the catalogue, sorted by ID.
func All() []*Rule {
	return slices.SortedFunc(slices.Values(catalogue), func(a, b *Rule) int { return cmp.Compare(a.ID, b.ID) })
}

// ByID returns the rule with that ID, nil when there is none.
func ByID(id string) *Rule {
	for _, r := range catalogue {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// FixOf returns the hint of a finding, which is the fix of its rule unless it has
// one itself.
func FixOf(d diag.Diagnostic) string {
	if rule := ByID(d.Rule); d.Hint == "" && rule != nil {
		return rule.Fix
	}
	return d.Hint
}

// catalogue contains the rules in the order in which they are defined.
var catalogue []*Rule

func define(r Rule) *Rule {
	catalogue = append(catalogue, &r)
	return &r
}

// The documents that rules come from.
const (
	specBuildpack = "Buildpack Interface Specification"
	specExtension = "Image Extension Interface Specification"
	specRegistry  = "Buildpack Registry"
	specOCI       = "OCI Image Format Specification"
	lifecycle     = "lifecycle"
	linux         = "Linux"
	extpack       = "docker extpack"
	toml          = "TOML v1.0.0"
)
