package extension

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// render returns diagnostics as a user sees them, hints indented.
func render(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.String() + "\n")
		if d.Hint != "" {
			b.WriteString("  " + d.Hint + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// valid is a descriptor without problems; tests add to it from line 5 on.
const valid = `api = "0.10"
[extension]
id = "samples/curl"
version = "0.0.1"
`

type diagnosticTest struct {
	name, toml, want string
}

// run asserts every message of every test, in order, hints included.
func runDiagnostics(t *testing.T, tests []diagnosticTest, parse func(data []byte) (bool, diag.List, error)) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ok, list, err := parse([]byte(tt.toml))
			if got := render(list); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
			if ok == (err != nil) {
				t.Errorf("value given: %v, error: %v", ok, err)
			}
			if (err != nil) != diag.IsInvalid(err) {
				t.Errorf("not an InvalidError: %v", err)
			}
		})
	}
}

func parseDescriptor(data []byte) (bool, diag.List, error) {
	d, list, err := Parse("extension.toml", data)
	return d != nil, list, err
}

func parsePackage(data []byte) (bool, diag.List, error) {
	p, list, err := ParsePackage("dir/package.toml", data)
	return p != nil, list, err
}
