package cliplugin

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/text"
)

// The elements of a JUnit report, as continuous integration systems read them.
type (
	junitReport struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string         `xml:"name,attr"`
		ClassName string         `xml:"classname,attr"`
		File      string         `xml:"file,attr"`
		Line      int            `xml:"line,attr"`
		Time      string         `xml:"time,attr"`
		Failures  []junitFailure `xml:"failure"`
		Skipped   *junitSkipped  `xml:"skipped"`
		Output    string         `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// printTestJUnit prints a suite for each extension.
func printTestJUnit(w io.Writer, results []exttest.Result) error {
	var report junitReport
	for _, r := range results {
		if n := len(report.Suites); n == 0 || report.Suites[n-1].Name != r.Extension {
			report.Suites = append(report.Suites, junitSuite{Name: r.Extension})
		}
		suite := &report.Suites[len(report.Suites)-1]
		suite.Tests++
		one := junitCase{
			Name: r.Case + " (" + r.Platform + ")", ClassName: r.Extension, File: r.Position.File, Line: r.Position.Line,
			Time: fmt.Sprintf("%.3f", r.Time.Seconds()), Output: text.Clean(r.Output),
		}
		for _, f := range r.Failures {
			one.Failures = append(one.Failures, junitFailure{Message: text.Line(f.Message), Text: text.Clean(f.Position.String() + ": " + f.Message + "\n" + f.Detail)})
		}
		switch r.Status {
		case exttest.Failed:
			suite.Failures++
		case exttest.NotRun:
			suite.Skipped++
			one.Skipped = &junitSkipped{Message: r.Reason}
		case exttest.Passed:
		}
		suite.Cases = append(suite.Cases, one)
	}
	for i := range report.Suites {
		report.Suites[i].Time = suiteTime(results, report.Suites[i].Name)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func suiteTime(results []exttest.Result, name string) string {
	total := 0.0
	for _, r := range results {
		if r.Extension == name {
			total += r.Time.Seconds()
		}
	}
	return fmt.Sprintf("%.3f", total)
}

// printTestGitHub prints workflow commands for what failed or was not run.
func printTestGitHub(w io.Writer, results []exttest.Result) error {
	var b strings.Builder
	for _, r := range results {
		title := r.Case + " (" + r.Platform + ")"
		if r.Status == exttest.NotRun {
			writeGitHub(&b, "notice", r.Position, title, r.Reason)
		}
		for _, f := range r.Failures {
			message := f.Message
			if lines := lastLines(f.Detail, maxTestDetail); len(lines) > 0 {
				message += "\n" + strings.Join(lines, "\n")
			}
			writeGitHub(&b, "error", f.Position, title, message)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
