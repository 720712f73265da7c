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

// String returns "file:line:col", "file", or "" as far as the place is known.
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

// String returns "file:line:col: message", with "warning: " before the message
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

// Errorf adds an error at pos, and returns it for a hint to be set. It takes over
// the hint of an error among args.
func (l *List) Errorf(pos Position, format string, args ...any) *Diagnostic {
	*l = append(*l, Diagnostic{Position: pos, Message: fmt.Sprintf(format, args...), Hint: hintOf(args)})
	return &(*l)[len(*l)-1]
}

func hintOf(args []any) string {
	for _, arg := range args {
		if err, ok := arg.(error); ok && Hint(err) != "" {
			return Hint(err)
		}
	}
	return ""
}

// Warnf adds a warning at pos.
func (l *List) Warnf(pos Position, format string, args ...any) {
	*l = append(*l, Diagnostic{Position: pos, Severity: Warning, Message: fmt.Sprintf(format, args...)})
}

// Warnings returns the warnings of the list.
func (l List) Warnings() List { return l.only(Warning) }

// Err returns an [*InvalidError] holding the errors of the list, sorted by
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

// Error returns a line per diagnostic. The hints are not part of it.
func (e *InvalidError) Error() string {
	lines := make([]string, 0, len(e.Diagnostics))
	for _, d := range e.Diagnostics {
		lines = append(lines, d.String())
	}
	return strings.Join(lines, "\n")
}

// Invalidf returns an [*InvalidError] with one diagnostic that has no place in a
// file: a flag, an argument, an environment variable. It takes over the hint of
// an error among args.
func Invalidf(format string, args ...any) error {
	var list List
	list.Errorf(Position{}, format, args...)
	return &InvalidError{Diagnostics: list}
}

// IsInvalid reports whether err is, or wraps, an [*InvalidError].
func IsInvalid(err error) bool {
	var invalid *InvalidError
	return errors.As(err, &invalid)
}

// HintError is an error with the next step.
type HintError struct {
	Err  error
	Hint string
}

// Error returns the message without the hint.
func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

// WithHint adds the next step to err. A nil error stays nil, and an empty hint
// adds nothing.
func WithHint(err error, hint string) error {
	if err == nil || hint == "" {
		return err
	}
	//nolint:errorlint // an error that wraps the diagnostic has its own message
	if invalid, ok := err.(*InvalidError); ok && len(invalid.Diagnostics) == 1 && invalid.Diagnostics[0].Hint == "" {
		d := invalid.Diagnostics[0]
		d.Hint = hint
		return &InvalidError{Diagnostics: List{d}}
	}
	return &HintError{Err: err, Hint: hint}
}

// Hints returns the hints of err and of the errors that it wraps, outermost
// first.
func Hints(err error) []string {
	var hints []string
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case *InvalidError:
		for _, d := range e.Diagnostics {
			if d.Hint != "" {
				hints = append(hints, d.Hint)
			}
		}
		return hints
	case *HintError:
		hints = append(hints, e.Hint)
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			hints = append(hints, Hints(inner)...)
		}
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			hints = append(hints, Hints(inner)...)
		}
	}
	return hints
}

// Hint returns the first hint of err, or "".
func Hint(err error) string {
	for _, hint := range Hints(err) {
		return hint
	}
	return ""
}

// Text returns the message of err with its hints, each indented on a line of
// its own below the line that it is about.
func Text(err error) string {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case *InvalidError:
		lines := make([]string, 0, len(e.Diagnostics))
		for _, d := range e.Diagnostics {
			lines = append(lines, withHints(d.String(), d.Hint))
		}
		return strings.Join(lines, "\n")
	case *HintError:
		return withHints(Text(e.Err), e.Hint)
	case interface{ Unwrap() []error }:
		var plain, lines []string
		for _, inner := range e.Unwrap() {
			plain, lines = append(plain, inner.Error()), append(lines, Text(inner))
		}
		if strings.Join(plain, "\n") == err.Error() { // errors.Join
			return strings.Join(lines, "\n")
		}
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			// A hint ends a line.
			before, after, ok := strings.Cut(err.Error(), inner.Error())
			if ok && (after == "" || after[0] == '\n') {
				return before + Text(inner) + after
			}
		}
	}
	return withHints(err.Error(), Hints(err)...)
}

func withHints(message string, hints ...string) string {
	for _, hint := range hints {
		if hint != "" {
			message += "\n  " + hint
		}
	}
	return message
}

// Of returns the diagnostics of an [*InvalidError] in err's chain, else none.
func Of(err error) List {
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		return invalid.Diagnostics
	}
	return nil
}
