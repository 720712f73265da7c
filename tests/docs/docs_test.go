// Package docs_test keeps the documentation true: links lead somewhere, settings
// and messages are those of the code, and examples can be parsed. Package e2e
// runs the commands of the pages.
package docs_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the folder of the repository.
const root = "../.."

var update = flag.Bool("update", false, "rewrite the generated parts of the documentation")

// generated compares the part of a page between two comments with text; -update
// rewrites it.
func generated(t *testing.T, page, part, text string) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(page))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- generated: "+part+" -->\n", "<!-- end: "+part+" -->"
	before, rest, ok := strings.Cut(string(data), begin)
	have, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no part between %q and %q", page, begin, end)
	}
	text = "\n" + strings.Trim(text, "\n") + "\n\n"
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+text+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != text {
		t.Errorf("%s: the part %q is not what the code says; run: go test ./tests/docs -update", page, part)
	}
}
