package house_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	maxLines    = 320
	maxBranches = 25
)

// TestFilesAndFunctionsAreShort: a file of the product contains one concept, and a
// function fits a head.
func TestFilesAndFunctionsAreShort(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, nil, "./...") {
		dir := filepath.Join("../..", strings.TrimPrefix(p.ImportPath, module))
		if strings.HasPrefix(p.ImportPath, module+"/tests/") {
			continue
		}
		for _, name := range p.GoFiles {
			checkSize(t, filepath.Join(dir, name))
		}
	}
}

func checkSize(t *testing.T, name string) {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(src, []byte("\n")); n > maxLines {
		t.Errorf("%s has %d lines, more than %d", name, n, maxLines)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			if n := branches(f); n > maxBranches {
				t.Errorf("%s: %s has a cyclomatic complexity of %d, more than %d", set.Position(f.Pos()), f.Name.Name, n, maxBranches)
			}
		}
	}
}

// branches returns the cyclomatic complexity of a function.
func branches(f *ast.FuncDecl) int {
	n := 1
	ast.Inspect(f, func(node ast.Node) bool {
		switch x := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if x.List != nil {
				n++
			}
		case *ast.CommClause:
			if x.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if x.Op == token.LAND || x.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}
