package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/docker/cli/templates"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/text"
)

const formatUsage = `Format output: "json" or a Go template`

// formatter gives the printer of a --format, nil without one: JSON, which stays
// exact, or a Go template with the functions that docker's own --format has. A
// template that cannot be parsed is found before there is anything to print.
func formatter(format string) (func(w io.Writer, v any) error, error) {
	switch format {
	case "":
		return nil, nil
	case "json":
		return printJSON, nil
	}
	tmpl, err := templates.Parse(format)
	if err != nil {
		return nil, diag.Invalidf("use --format json to see the fields", "--format: %v", err)
	}
	return func(w io.Writer, v any) error {
		var buf bytes.Buffer // so that a template that fails prints no half of it
		if err := tmpl.Execute(&buf, v); err != nil {
			return diag.Invalidf("use --format json to see the fields", "--format: %v", err)
		}
		_, err := fmt.Fprintln(w, text.Clean(buf.String()))
		return err
	}, nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
