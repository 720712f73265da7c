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

// unclean are the packages whose comments or messages have such words still.
// The list only gets shorter.
var unclean = []string{}

// TestWords looks at the comments and the string literals of the product. Test
// files are left out: input that is misspelt is what some of them are about.
func TestWords(t *testing.T) {
	for _, p := range list(t, nil, "./...") {
		dir := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if strings.HasPrefix(dir, "examples") {
			continue
		}
		found := 0
		for _, name := range p.GoFiles {
			found += words(t, filepath.Join("../..", dir, name), !slices.Contains(unclean, dir))
		}
		if found == 0 && slices.Contains(unclean, dir) {
			t.Logf("%s is clean: take it out of the list", dir)
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
