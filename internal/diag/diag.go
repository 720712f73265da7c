// Package diag reports invalid input. A [Diagnostic] has the position, the
// cause and the fix. A [List] collects diagnostics, so that a user sees every
// problem of a file at once. [InvalidError] is the error type that makes a
// command exit with 2.
//
// Packages that read input fill lists, and cli-plugin prints them.
package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity determines whether a diagnostic fails the command.
type Severity int

const (
	// Error is input that cannot be used; the command exits with 2.
	Error Severity = iota
	// Warning is input that can be used but is probably not what was meant.
	Warning
	// Note is something that a check could not decide, or other information.
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

// Position is a position in a file. Line and Column are counted from 1, columns
// in characters. Zero means the whole file or, if File is empty, no file.
type Position struct {
	File         string
	Line, Column int
}

// String returns "file:line:col", "file" or "", depending on which fields are
// set.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Diagnostic is one problem with the input.
type Diagnostic struct {
	Position
	Severity Severity
	// Rule is the ID of the rule that was violated. It is optional.
	Rule string
	// Message is one lower-case clause that names the subject and the cause,
	// and the closest valid spelling if there is one.
	Message string
	// Hint is the next step, preferably a command. It is optional.
	Hint string
	// Edit repairs the input. It is nil if there is no automatic repair.
	Edit *Edit
}

// Edit replaces text in the file of a diagnostic.
type Edit struct {
	// Old is the text at the position of the diagnostic, or at the beginning of
	// the file if the position has no line.
	Old, New string
}

// String returns "file:line:col: message", with "warning: " before the message
// of a warning. It does not include the hint.
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

// List collects diagnostics in the order in which they are found.
type List []Diagnostic

// Errorf adds an error at pos and returns it, so that a hint can be set. The
// hint of an error among args is kept.
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

// Err returns an [*InvalidError] with the errors of the list, sorted by
// position, or nil if there are none.
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

// InvalidError is returned for invalid input. It has at least one diagnostic.
type InvalidError struct {
	Diagnostics List
}

// Error returns one line per diagnostic, without hints.
func (e *InvalidError) Error() string {
	lines := make([]string, 0, len(e.Diagnostics))
	for _, d := range e.Diagnostics {
		lines = append(lines, d.String())
	}
	return strings.Join(lines, "\n")
}

// Invalidf returns an [*InvalidError] with one diagnostic that has no position,
// for flags, arguments and environment variables. The hint of an error among
// args is kept.
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

// HintError is an error with a hint.
type HintError struct {
	Err  error
	Hint string
}

// Error returns the message without the hint.
func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

// WithHint adds a hint to err. It returns nil if err is nil, and err if the
// hint is empty.
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

// Text returns the message of err with its hints. Each hint is indented on a
// separate line below the message that it belongs to, or below the last of several.
func Text(err error) string {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case *InvalidError:
		lines := make([]string, 0, len(e.Diagnostics))
		for i, d := range e.Diagnostics {
			hint := d.Hint
			if i+1 < len(e.Diagnostics) && e.Diagnostics[i+1].Hint == hint {
				hint = "" // it follows the last of them
			}
			lines = append(lines, withHints(d.String(), hint))
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
