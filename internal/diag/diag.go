// Package diag holds how docker extpack talks about input that is wrong: a
// [Diagnostic] names the place, the cause and the fix, a [List] collects all
// of them so that a user sees every problem of a file at once, and
// [InvalidError] is the error type that makes a command exit with 2.
//
// It knows no file format and prints nothing; packages that read input fill
// lists, and cli-plugin prints them.
package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity tells whether a diagnostic stops the command.
type Severity int

const (
	// Error is input that cannot be used; the command exits with 2.
	Error Severity = iota
	// Warning is input that can be used but is probably not what was meant.
	Warning
	// Note is what a check could not decide, or what is good to know.
	Note
)

func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return "error"
}

// Position is a place in a file. Line and Column count from 1, columns in
// characters; zero means that the whole file (or, with an empty File, no file)
// is meant.
type Position struct {
	File         string
	Line, Column int
}

// String gives "file:line:col", "file", or "" as far as the place is known.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Diagnostic is one thing that is wrong with the input.
type Diagnostic struct {
	Position
	Severity Severity
	// Rule is the ID of the rule that was broken; may be empty.
	Rule string
	// Message is one lower-case clause: the thing and the cause, with the
	// closest valid spelling where there is one.
	Message string
	// Hint is what to do next, a command where there is one; may be empty.
	Hint string
	// Edit repairs the input; nil when nothing but a person can.
	Edit *Edit
}

// Edit replaces text in the file of a diagnostic.
type Edit struct {
	// Old stands at the position of the diagnostic, at the beginning of the file
	// when that has no line.
	Old, New string
}

// String gives "file:line:col: message", with "warning: " before the message
// of a warning. The hint is not part of it.
func (d Diagnostic) String() string {
	var b strings.Builder
	if p := d.Position.String(); p != "" {
		b.WriteString(p + ": ")
	}
	if d.Severity != Error {
		b.WriteString(d.Severity.String() + ": ")
	}
	b.WriteString(d.Message)
	return b.String()
}

// List collects diagnostics in the order they are found.
type List []Diagnostic

// Errorf adds an error at pos.
func (l *List) Errorf(pos Position, format string, args ...any) {
	*l = append(*l, Diagnostic{Position: pos, Message: fmt.Sprintf(format, args...)})
}

// Warnf adds a warning at pos.
func (l *List) Warnf(pos Position, format string, args ...any) {
	*l = append(*l, Diagnostic{Position: pos, Severity: Warning, Message: fmt.Sprintf(format, args...)})
}

// Warnings gives the warnings of the list.
func (l List) Warnings() List { return l.only(Warning) }

// Err gives an [*InvalidError] holding the errors of the list, sorted by
// place, or nil when there are none.
func (l List) Err() error {
	errs := l.only(Error)
	if len(errs) == 0 {
		return nil
	}
	return &InvalidError{Diagnostics: errs}
}

func (l List) only(s Severity) List {
	var out List
	for _, d := range l {
		if d.Severity == s {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// InvalidError is input that cannot be used. It is never empty.
type InvalidError struct {
	Diagnostics List
}

// Error gives a line per diagnostic, its hint indented below it.
func (e *InvalidError) Error() string {
	lines := make([]string, 0, len(e.Diagnostics))
	for _, d := range e.Diagnostics {
		line := d.String()
		if d.Hint != "" {
			line += "\n  " + d.Hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Invalidf gives an [*InvalidError] with one diagnostic that has no place in a
// file: a flag, an argument, an environment variable. hint may be empty.
func Invalidf(hint, format string, args ...any) error {
	return &InvalidError{Diagnostics: List{{Message: fmt.Sprintf(format, args...), Hint: hint}}}
}

// IsInvalid reports whether err is, or wraps, an [*InvalidError].
func IsInvalid(err error) bool {
	var invalid *InvalidError
	return errors.As(err, &invalid)
}

// HintError is a failure that is not the input's fault, with what to do next.
type HintError struct {
	Err  error
	Hint string
}

func (e *HintError) Error() string { return e.Err.Error() + "\n  " + e.Hint }
func (e *HintError) Unwrap() error { return e.Err }

// WithHint adds the next step to err; nil stays nil.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &HintError{Err: err, Hint: hint}
}

// Of gives the diagnostics of an [*InvalidError] in err's chain, else none.
func Of(err error) List {
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		return invalid.Diagnostics
	}
	return nil
}
