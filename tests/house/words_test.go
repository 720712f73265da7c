package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// banned are words that CONTRIBUTING.md keeps out of comments and messages:
// functions return, and subjects are nouns.
var banned = regexp.MustCompile(`(?i)\b(gives|gave|stands for|stands?|lies|whoever|whatever it is|somebody|nobody|anew|meanwhile|politely|in vain|of its own|has to give)\b`)

// allowed are words of other programs, and a phrase that is good English.
var allowed = regexp.MustCompile(`gives up|server gave HTTP response`)

// TestWords reads the comments and string literals of the product, and the
// comments of tests: misspelt input is what some tests are about.
func TestWords(t *testing.T) {
	for _, p := range list(t, nil, "./...") {
		dir := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, name := range p.GoFiles {
			words(t, filepath.Join("../..", dir, name), true)
		}
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			if name != "words_test.go" { // which has them
				words(t, filepath.Join("../..", dir, name), true)
			}
		}
	}
}

// words returns how many banned words a file has, and reports them where they
// are an error.
func words(t *testing.T, name string, report bool) int {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	check := func(pos token.Pos, text string) {
		for _, word := range banned.FindAllString(allowed.ReplaceAllString(text, ""), -1) {
			if found++; report {
				t.Errorf("%s: the word %q; CONTRIBUTING.md has better ones", set.Position(pos), word)
			}
		}
	}
	for _, group := range file.Comments {
		check(group.Pos(), group.Text())
	}
	if strings.HasSuffix(name, "_test.go") {
		return found
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			check(lit.Pos(), lit.Value)
		}
		return true
	})
	return found
}

// TestWordsFindsThem: the check itself works.
func TestWordsFindsThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.go")
	src := "package x\n\n// F gives the place of x, which nobody asked for.\nfunc F() string { return \"it stands above\" }\n\n// G returns x.\nfunc G() {}\n"
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := words(t, file, false); got != 3 {
		t.Errorf("found %d words, want 3", got)
	}
}
