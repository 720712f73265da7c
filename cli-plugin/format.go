package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/docker/cli/templates"

	"github.com/extpack/extpack/internal/diag"
)

const formatUsage = `Format output: "json" or a Go template`

// printFormatted prints v as JSON or through a Go template, with the functions
// that docker's own --format has.
func printFormatted(w io.Writer, format string, v any) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	tmpl, err := templates.Parse(format)
	if err != nil {
		return diag.Invalidf(`use --format json to see the fields`, "--format: %v", err)
	}
	if err := tmpl.Execute(w, v); err != nil {
		return diag.Invalidf(`use --format '{{json .}}' to see what there is`, "--format: %v", err)
	}
	_, err = fmt.Fprintln(w)
	return err
}
