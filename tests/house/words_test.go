package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// banned are words that CONTRIBUTING.md keeps out of comments and messages:
// functions return, and subjects are nouns.
var banned = regexp.MustCompile(`(?i)\b(gives|gave|stands for|stands?|lies|whoever|whatever it is|somebody|nobody|anew|meanwhile|politely|in vain|of its own|has to give|(does|do|did) not answer|permits? to|(has|have) to be told|minds|all the same)\b`)

// allowed are words of other programs, and a phrase that is good English.
var allowed = regexp.MustCompile(`gives up|server gave HTTP response`)

// TestWords reads the comments and string literals of the product, also those of
// other systems and build tags, and the comments of tests: misspelt input is what
// some tests are about.
func TestWords(t *testing.T) {
	t.Parallel()
	read := 0
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "../.." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" && filepath.Dir(name) == filepath.Clean("../..")):
			return fs.SkipDir
		case filepath.Ext(name) != ".go" || d.Name() == "words_test.go": // which has them
			return nil
		}
		read++
		words(t, name, true)
		return nil
	})
	if err != nil || read < 500 {
		t.Fatalf("read %d files, %v", read, err)
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
