package cliplugin

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/format"
	"github.com/extpack/extpack/internal/text"
)

// testMarks are the words at the beginning of a line, of equal width.
var testMarks = map[exttest.Status]string{exttest.Passed: "PASS", exttest.Failed: "FAIL", exttest.NotRun: "SKIP"}

// maxTestDetail is the number of lines of a detail that are printed.
const maxTestDetail = 40

// printTestText prints a line for each case and platform, with what differs
// below it, and a summary with the reasons why platforms were not tested.
func printTestText(w io.Writer, results []exttest.Result, quiet bool) error {
	var b strings.Builder
	counts := map[exttest.Status]int{}
	width := 0
	var reasons []string // the same for many cases
	for _, r := range results {
		width = max(width, len(platformColumn(r)))
	}
	for _, r := range results {
		counts[r.Status]++
		if quiet && r.Status == exttest.Passed {
			continue
		}
		fmt.Fprintf(&b, "%s  %-*s  %6s  %s: %s\n", testMarks[r.Status], width, platformColumn(r), seconds(r.Time), text.Line(r.Extension), text.Line(r.Case))
		if line := r.Platform + ": " + text.Line(r.Reason); r.Reason != "" && !slices.Contains(reasons, line) {
			reasons = append(reasons, line)
		}
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "      %s: %s\n", f.Position, text.Line(f.Message))
			for _, line := range lastLines(f.Detail, maxTestDetail) {
				fmt.Fprintf(&b, "        | %s\n", text.Line(line))
			}
		}
		for _, name := range r.Updated {
			fmt.Fprintf(&b, "      wrote %s\n", text.Line(name))
		}
	}
	if !quiet {
		fmt.Fprintf(&b, "%d passed, %d failed, %d not run\n", counts[exttest.Passed], counts[exttest.Failed], counts[exttest.NotRun])
	}
	for _, line := range reasons {
		fmt.Fprintf(&b, "  not run on %s\n", line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func platformColumn(r exttest.Result) string {
	if r.Emulated {
		return r.Platform + " (emulated)"
	}
	return r.Platform
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

// lastLines returns the lines of a text, of a long one the last.
func lastLines(s string, n int) []string {
	if s = strings.TrimRight(s, "\n"); s == "" {
		return nil
	}
	lines := strings.Split(s, "\n")
	if len(lines) > n {
		lines = append([]string{fmt.Sprintf("… %d lines", len(lines)-n)}, lines[len(lines)-n:]...)
	}
	return lines
}

// testResult is the JSON of a case on a platform.
type testResult struct {
	// Extension is "id@version".
	Extension string `json:"extension"`
	// Case is the name of the test case.
	Case string `json:"case"`
	// Platform is the platform that was tested, "linux/arm64".
	Platform string `json:"platform"`
	// Emulated reports whether the builder ran the platform's programs with QEMU.
	Emulated bool `json:"emulated,omitempty"`
	// File is the file of the test case.
	File string `json:"file"`
	// Line is the line of the test case, counted from 1.
	Line int `json:"line"`
	// Status is "passed", "failed" or "not run".
	Status string `json:"status"`
	// Reason is the reason why a case was not run.
	Reason string `json:"reason,omitempty"`
	// Seconds is the duration in seconds.
	Seconds float64 `json:"seconds"`
	// Failures are the assertions that failed.
	Failures []testFailure `json:"failures,omitempty"`
	// Output is the output of the lifecycle and the extension.
	Output string `json:"output,omitempty"`
	// Updated are the golden files that --update wrote.
	Updated []string `json:"updated,omitempty"`
}

type testFailure struct {
	// File is the file of the assertion.
	File string `json:"file,omitempty"`
	// Line is the line in the file, counted from 1.
	Line int `json:"line,omitempty"`
	// Column is the column in the line, counted from 1.
	Column int `json:"column,omitempty"`
	// Message describes the difference in one line.
	Message string `json:"message"`
	// Detail is a diff, or the output of a command.
	Detail string `json:"detail,omitempty"`
}

func printTestJSON(w io.Writer, results []exttest.Result) error {
	out := []testResult{}
	for _, r := range results {
		one := testResult{
			Extension: r.Extension, Case: r.Case, Platform: r.Platform, Emulated: r.Emulated, File: r.Position.File, Line: r.Position.Line,
			Status: string(r.Status), Reason: r.Reason, Seconds: r.Time.Seconds(), Output: r.Output, Updated: r.Updated,
		}
		for _, f := range r.Failures {
			one.Failures = append(one.Failures, testFailure{f.Position.File, f.Position.Line, f.Position.Column, f.Message, f.Detail})
		}
		out = append(out, one)
	}
	return format.JSON(w, out)
}
