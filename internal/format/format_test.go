package format

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/inspect"
)

func TestFormatNames(t *testing.T) {
	type part struct {
		Name    string `json:"name"`
		OSName  string `json:"os.name,omitempty"`
		private int
	}
	type report struct {
		part
		Digest string            `json:"digest"`
		At     time.Time         `json:"at"`
		Parts  []part            `json:"parts"`
		Next   *part             `json:"next,omitempty"`
		Notes  map[string]string `json:"notes"`
		Same   map[string]part   `json:"same"`
	}
	v := &report{
		part: part{Name: "r", private: 1}, Digest: "sha256:1", At: time.Unix(0, 0).UTC(),
		Parts: []part{{Name: "a", OSName: "linux"}, {Name: "b"}},
		Notes: map[string]string{"k": "v"}, Same: map[string]part{"x": {Name: "y"}},
	}
	for format, want := range map[string]string{
		"{{.Digest}}":             "sha256:1",
		"{{.digest}}":             "sha256:1",
		"{{.digest}} {{.Digest}}": "sha256:1 sha256:1",
		"{{.name}}":               "r",
		"{{range .parts}}{{.name}}{{.os.name}} {{end}}": "alinux b ",
		"{{range .Parts}}{{.name}} {{.OSName}},{{end}}": "a linux,b ,",
		"{{.notes.k}}{{.same.x.name}}":                  "vy",
		"{{with .next}}{{.name}}{{else}}-{{end}}":       "-",
		"{{.at.Year}}":              "1970",
		"{{json .parts}}":           `[{"name":"a","os.name":"linux"},{"name":"b"}]`,
		"{{.digest}}{{json .Next}}": "sha256:1null",
		"{{len .parts}}":            "2",
	} {
		print, err := Printer(format)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		var out bytes.Buffer
		if err := print(&out, v); err != nil || out.String() != want+"\n" {
			t.Errorf("%s: %q, %v; want %q", format, out.String(), err, want)
		}
	}
}

func TestFormatErrors(t *testing.T) {
	for format, want := range map[string]string{
		"yaml":          `--format "yaml" is not supported` + "\n  use \"json\", or a template such as '{{json .}}'",
		"{{.Digset}}":   `--format: unknown field "Digset" (did you mean "digest"?)` + "\n  use --format json to see the fields",
		"{{.nothing}}":  `--format: unknown field "nothing"` + "\n  use --format json to see the fields",
		"{{.Digest":     "--format: template: :1: unclosed action\n  see https://pkg.go.dev/text/template for the syntax",
		"{{.Digest.x}}": "--format: ",
	} {
		print, err := Printer(format)
		if err == nil {
			var out bytes.Buffer
			err = print(&out, &inspect.Report{Digest: "sha256:1"})
			if out.Len() > 0 {
				t.Errorf("%s printed %q", format, out.String())
			}
		}
		if !diag.IsInvalid(err) || !strings.HasPrefix(diag.Text(err), want) {
			t.Errorf("%s: %v; want %q", format, err, want)
		}
	}
}
