// Package format prints values as JSON or with a Go template, for --format.
package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/docker/cli/templates"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/text"
)

// Usage is the usage of --format.
const Usage = `Format output: "json" or a Go template`

// Printer returns the printer for --format, or nil if it is empty: JSON, or a
// Go template with the functions of docker's --format. It returns an error if
// the template cannot be parsed.
func Printer(format string) (func(w io.Writer, v any) error, error) {
	switch format {
	case "":
		return nil, nil
	case "json":
		return JSON, nil
	}
	if !strings.Contains(format, "{{") {
		return nil, diag.WithHint(diag.Invalidf("--format %q is not supported", format), `use "json", or a template such as '{{json .}}'`)
	}
	tmpl, err := templates.Parse(format)
	if err != nil {
		return nil, diag.WithHint(diag.Invalidf("--format: %v", err), `see https://pkg.go.dev/text/template for the syntax`)
	}
	return func(w io.Writer, v any) error {
		out, err := execute(tmpl, v)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, text.Clean(out))
		return err
	}, nil
}

// execute runs a template, which may use the Go or JSON names of fields. It
// prints nothing if the template fails.
func execute(tmpl *template.Template, v any) (string, error) {
	var buf bytes.Buffer
	err := tmpl.Execute(&buf, v)
	if err == nil {
		return buf.String(), nil
	}
	buf.Reset()
	named := byBothNames(v)
	if err = tmpl.Option("missingkey=error").Execute(&buf, named); err == nil {
		return buf.String(), nil
	}
	m := unknownField.Get().FindStringSubmatch(err.Error())
	if m == nil {
		return "", diag.WithHint(diag.Invalidf("--format: %v", err), "use --format json to see the fields")
	}
	return "", diag.WithHint(diag.Invalidf("--format: unknown field %q%s", m[1], text.DidYouMean(m[1], jsonNames(v))), "use --format json to see the fields")
}

// unknownField matches text/template's error for a missing key of a map.
var unknownField = lazyregexp.New(`map has no entry for key "([^"]*)"`)

// JSON prints v as JSON.
func JSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(text.CleanJSON(buf.Bytes()))
	return err
}
