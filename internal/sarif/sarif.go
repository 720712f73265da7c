// Package sarif writes the results of checks as SARIF, which code hosts and
// editors read. It has only the objects that results about files in packages
// require.
//
// Format: OASIS "Static Analysis Results Interchange Format (SARIF) Version
// 2.1.0". The available libraries add all of its objects and a JSON schema
// engine to the binary.
package sarif

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/text"
)

const (
	version = "2.1.0"
	schema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

// Level is the severity of a result.
type Level string

// The levels in use. SARIF also defines "none".
const (
	Error   Level = "error"
	Warning Level = "warning"
	Note    Level = "note"
)

// Run is one run of a tool.
type Run struct {
	// Tool and Version identify the tool that ran; URI is its home page.
	Tool, Version, URI string
	// Rules are the checks that ran; results refer to them by ID.
	Rules   []Rule
	Results []Result
}

// Rule describes a check. Help is optional.
type Rule struct {
	ID, Summary, Help string
	Level             Level
}

// Result is a check that failed.
type Result struct {
	RuleID  string
	Level   Level
	Message string
	// URI is the file or image that was checked; see [FileURI].
	URI string
	// Line and Column are the position in a file, counted from 1; 0 means the
	// whole file.
	Line, Column int
	// Inside is the position in something other than a text file. It is
	// optional.
	Inside string
}

// FileURI returns the URI reference of a file. A relative path stays relative:
// readers resolve it against the checkout.
func FileURI(name string) string {
	slashed := filepath.ToSlash(name)
	if !filepath.IsAbs(name) {
		return (&url.URL{Path: slashed}).String()
	}
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String()
}

// PackageURI returns the URI reference of a package: that of a file or directory
// that exists, else oci:// as in Helm, because there is no standard URI for
// images.
func PackageURI(name string) string {
	if _, err := os.Stat(name); err == nil {
		return FileURI(name)
	}
	return "oci://" + name
}

// Objects of the format, with only the properties in use.
type (
	logFile struct {
		Schema  string   `json:"$schema"`
		Version string   `json:"version"`
		Runs    []runObj `json:"runs"`
	}
	runObj struct {
		Tool    tool     `json:"tool"`
		Results []result `json:"results"`
	}
	tool struct {
		Driver driver `json:"driver"`
	}
	driver struct {
		Name           string                `json:"name"`
		Version        string                `json:"version,omitempty"`
		InformationURI string                `json:"informationUri,omitempty"`
		Rules          []reportingDescriptor `json:"rules"`
	}
	reportingDescriptor struct {
		ID                   string        `json:"id"`
		ShortDescription     message       `json:"shortDescription"`
		Help                 *message      `json:"help,omitempty"`
		DefaultConfiguration configuration `json:"defaultConfiguration"`
	}
	configuration struct {
		Level Level `json:"level"`
	}
	message struct {
		Text string `json:"text"`
	}
	result struct {
		RuleID    string     `json:"ruleId"`
		RuleIndex int        `json:"ruleIndex"`
		Level     Level      `json:"level"`
		Message   message    `json:"message"`
		Locations []location `json:"locations"`
	}
	location struct {
		PhysicalLocation physicalLocation  `json:"physicalLocation"`
		LogicalLocations []logicalLocation `json:"logicalLocations,omitempty"`
	}
	physicalLocation struct {
		ArtifactLocation artifactLocation `json:"artifactLocation"`
		Region           *region          `json:"region,omitempty"`
	}
	region struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	artifactLocation struct {
		URI string `json:"uri"`
	}
	logicalLocation struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
)

// Write writes a log file of one run.
func Write(w io.Writer, run Run) error {
	d := driver{Name: run.Tool, Version: run.Version, InformationURI: run.URI, Rules: []reportingDescriptor{}}
	index := map[string]int{}
	for i, r := range run.Rules {
		index[r.ID] = i
		rule := reportingDescriptor{ID: r.ID, ShortDescription: messageOf(r.Summary), DefaultConfiguration: configuration{r.Level}}
		if r.Help != "" {
			help := messageOf(r.Help)
			rule.Help = &help
		}
		d.Rules = append(d.Rules, rule)
	}
	results := []result{} // SARIF: an empty array means "no results", null means "not run"
	for _, r := range run.Results {
		i, ok := index[r.RuleID]
		if !ok {
			return fmt.Errorf("writing SARIF: no rule %q", r.RuleID)
		}
		at := location{PhysicalLocation: physicalLocation{ArtifactLocation: artifactLocation{r.URI}}}
		if r.Line > 0 {
			at.PhysicalLocation.Region = &region{r.Line, r.Column}
		}
		if r.Inside != "" {
			at.LogicalLocations = []logicalLocation{{r.Inside}}
		}
		results = append(results, result{RuleID: r.RuleID, RuleIndex: i, Level: r.Level, Message: messageOf(r.Message), Locations: []location{at}})
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(logFile{Schema: schema, Version: version, Runs: []runObj{{tool{d}, results}}}); err != nil {
		return err
	}
	_, err := w.Write(text.CleanJSON(buf.Bytes()))
	return err
}

// messageOf returns a message for untrusted text. Braces are doubled, because single
// ones are placeholders ("Messages with placeholders"), and "](" is escaped,
// because it would form a link ("Messages with embedded links").
func messageOf(s string) message {
	return message{strings.NewReplacer("{", "{{", "}", "}}", "](", `\](`).Replace(s)}
}
