package cliplugin

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/format"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/sarif"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/text"
	"github.com/extpack/extpack/internal/verify"
	"github.com/extpack/extpack/internal/version"
)

func lintPrinter(format string) (func(io.Writer, []*lint.Report) error, error) {
	switch format {
	case "text":
		return printLintText, nil
	case "json":
		return printLintJSON, nil
	case "sarif":
		return printLintSARIF, nil
	case "github":
		return printLintGitHub, nil
	}
	return nil, choice.Check("--format", format, "text", "json", "sarif", "github")
}

// printLintText prints a line for each finding, followed by the hint of each
// rule.
func printLintText(w io.Writer, reports []*lint.Report) error {
	var b strings.Builder
	fixes := map[string]bool{}
	var order []*rules.Rule
	for _, r := range reports {
		for _, d := range r.Findings {
			if r.Package {
				fmt.Fprintf(&b, "%s: ", text.Line(r.Name))
			}
			fmt.Fprintf(&b, "%s [%s]\n", text.Line(severe(d)), d.Rule)
			if d.Hint != "" {
				fmt.Fprintf(&b, "  %s\n", text.Line(d.Hint))
			} else if rule := rules.ByID(d.Rule); rule != nil && !fixes[d.Rule] && d.Severity != diag.Note {
				fixes[d.Rule] = true
				order = append(order, rule)
			}
		}
	}
	if len(order) > 0 {
		b.WriteString("\n")
	}
	s := screen.Of(w)
	if _, err := io.WriteString(s.Story(), b.String()); err != nil {
		return err
	}
	for _, rule := range order {
		if err := s.Paragraph(screen.Style{}, rule.ID+": "+rule.Fix); err != nil {
			return err
		}
	}
	return nil
}

// severe returns the line of a finding, including the severity of errors.
func severe(d diag.Diagnostic) string {
	if d.Severity == diag.Error {
		d.Message = "error: " + d.Message
	}
	return d.String()
}

// lintReport is the JSON of one directory or package.
type lintReport struct {
	// Name is the directory, file or reference, as in the arguments.
	Name string `json:"name"`
	// ID is the id of the extension.
	ID string `json:"id,omitempty"`
	// Version is the version of the extension.
	Version string `json:"version,omitempty"`
	// Findings are the violations of rules.
	Findings []lintFinding `json:"findings"`
	// Platforms are the platforms of a package.
	Platforms []string `json:"platforms,omitempty"`
}

type lintFinding struct {
	// Rule is the id of the rule; "lint --list-rules" lists them.
	Rule string `json:"rule"`
	// Severity is "error", "warning" or "note".
	Severity string `json:"severity"`
	// File is the file of the finding.
	File string `json:"file,omitempty"`
	// Line is the line in the file, counted from 1.
	Line int `json:"line,omitempty"`
	// Column is the column in the line, counted from 1.
	Column int `json:"column,omitempty"`
	// Message describes the violation.
	Message string `json:"message"`
	// Fix is the next step.
	Fix string `json:"fix,omitempty"`
}

func printLintJSON(w io.Writer, reports []*lint.Report) error {
	out := []lintReport{}
	for _, r := range reports {
		one := lintReport{Name: r.Name, Findings: []lintFinding{}, Platforms: r.Platforms}
		if r.Extension != nil {
			one.ID, one.Version = r.Extension.Info.ID, r.Extension.Info.Version
		}
		for _, d := range r.Findings {
			one.Findings = append(one.Findings, lintFinding{d.Rule, d.Severity.String(), d.File, d.Line, d.Column, d.Message, rules.FixOf(d)})
		}
		out = append(out, one)
	}
	return format.JSON(w, out)
}

func printLintSARIF(w io.Writer, reports []*lint.Report) error {
	v, _ := version.Get()
	run := sarif.Run{Tool: "docker extpack", Version: v, URI: "https://github.com/extpack/extpack"}
	for _, r := range rules.All() {
		run.Rules = append(run.Rules, sarif.Rule{ID: r.ID, Summary: r.Summary, Help: r.Fix, Level: sarif.Level(r.Severity.String())})
	}
	for _, r := range reports {
		for _, d := range r.Findings {
			if rules.ByID(d.Rule) == nil {
				run.Rules = append(run.Rules, checkRule(d.Rule, run.Rules)...)
			}
			uri := sarif.FileURI(d.File)
			if r.Package {
				uri = sarif.PackageURI(r.Name)
			}
			inside := ""
			if r.Package {
				inside = d.File
			}
			run.Results = append(run.Results, sarif.Result{
				RuleID: d.Rule, Level: sarif.Level(d.Severity.String()), Message: d.Message, URI: uri, Line: d.Line, Column: d.Column, Inside: inside,
			})
		}
	}
	return sarif.Write(w, run)
}

// checkRule returns the check of verify with that ID as a rule, unless it is
// among the rules already.
func checkRule(id string, known []sarif.Rule) []sarif.Rule {
	if slices.ContainsFunc(known, func(r sarif.Rule) bool { return r.ID == id }) {
		return nil
	}
	for _, c := range verify.Checks() {
		if c.ID == id {
			return []sarif.Rule{{ID: c.ID, Summary: c.Summary, Help: c.Hint(), Level: sarif.Level(c.Severity)}}
		}
	}
	return nil
}

// printLintGitHub prints workflow commands, which GitHub shows next to the lines
// of a change ("Workflow commands for GitHub Actions").
func printLintGitHub(w io.Writer, reports []*lint.Report) error {
	var b strings.Builder
	for _, r := range reports {
		for _, d := range r.Findings {
			command := d.Severity.String()
			if d.Severity == diag.Note {
				command = "notice"
			}
			writeGitHub(&b, command, d.Position, d.Rule, d.Message)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeGitHub writes a workflow command.
func writeGitHub(b *strings.Builder, command string, at diag.Position, title, message string) {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	fmt.Fprintf(b, "::%s file=%s", command, property.Replace(at.File))
	if at.Line > 0 {
		fmt.Fprintf(b, ",line=%d,col=%d", at.Line, at.Column)
	}
	fmt.Fprintf(b, ",title=%s::%s\n", property.Replace(title), data.Replace(text.Clean(message)))
}

// ruleInfo is the JSON of a rule.
type ruleInfo struct {
	// ID is stable: scripts may rely on it.
	ID string `json:"id"`
	// Severity is "error", "warning" or "note".
	Severity string `json:"severity"`
	// Summary is the requirement, in one sentence.
	Summary string `json:"summary"`
	// Source is the document that the rule comes from.
	Source string `json:"source"`
	// Section is the part of the document.
	Section string `json:"section"`
	// Fix is the next step after a violation.
	Fix string `json:"fix"`
	// Lifecycle reports whether the lifecycle refuses a violation.
	Lifecycle bool `json:"lifecycle"`
	// Online reports whether the rule needs --online.
	Online bool `json:"online"`
	// Fixable reports whether --fix repairs a violation.
	Fixable bool `json:"fixable"`
	// Required reports whether the rule cannot be turned off.
	Required bool `json:"required"`
}

func printRules(out io.Writer, form string) error {
	switch form {
	case "json":
		var list []ruleInfo
		for _, r := range rules.All() {
			list = append(list, ruleInfo{r.ID, r.Severity.String(), r.Summary, r.Source, r.Section, r.Fix, r.Lifecycle, r.Online, r.Fixable, r.Required})
		}
		return format.JSON(out, list)
	case "text":
	default:
		return choice.Check("--list-rules: --format", form, "text", "json")
	}
	table := screen.Table{Headers: []string{"RULE", "SEVERITY", "WHAT HOLDS"}, Fold: true}
	for _, r := range rules.All() {
		table.Add(screen.Cells(r.ID, r.Severity.String(), r.Summary)...)
	}
	return table.Print(screen.Of(out))
}
