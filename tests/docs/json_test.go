package docs_test

import (
	"fmt"
	"go/ast"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// shapes are the types that commands print as JSON.
var shapes = []struct{ title, dir, name string }{
	{"inspect --format json", "internal/inspect", "Report"},
	{"verify --format json", "internal/verify", "Report"},
	{"lint --format json (a list)", "cli-plugin", "lintReport"},
	{"run-image --format json", "internal/runimage", "Report"},
	{"builder doctor --format json", "internal/doctor", "Report"},
	{"test --format json (a list)", "cli-plugin", "testResult"},
	{"build --metadata-file (a list)", "internal/pipeline", "builtMetadata"},
	{"--progress rawjson, a line of docker extpack among those of BuildKit", "cli-plugin", "message"},
}

// TestJSON writes the fields of each JSON output into docs/json.md.
func TestJSON(t *testing.T) {
	packages := map[string]*source{}
	for _, p := range sources(t) {
		packages[p.dir] = p
	}
	var out strings.Builder
	for _, s := range shapes {
		fmt.Fprintf(&out, "\n## %s\n\n| field | type | meaning |\n| --- | --- | --- |\n", s.title)
		rows := packages[s.dir].rows(s.name, "")
		if len(rows) < 3 {
			t.Errorf("%s: found only the fields %v", s.title, rows)
		}
		out.WriteString(strings.Join(rows, ""))
	}
	generated(t, "docs/json.md", "shapes", out.String())
}

// links matches links of doc comments.
var links = regexp.MustCompile(`\[([A-Z][A-Za-z.]*)\]`)

// structOf returns a type of the package if it is a struct.
func (p *source) structOf(name string) *ast.StructType {
	for _, f := range p.files {
		for _, d := range f.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.Name == name {
					s, _ := ts.Type.(*ast.StructType)
					return s
				}
			}
		}
	}
	return nil
}

// rows returns a row for each JSON field of a struct, and for those of structs
// of the same package in it.
func (p *source) rows(name, path string) []string {
	var rows []string
	for _, f := range p.structOf(name).Fields.List {
		if f.Tag == nil {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value)
		field, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		if field == "" || field == "-" {
			continue
		}
		kind, inner := p.kind(f.Type)
		meaning := strings.Join(strings.Fields(f.Doc.Text()), " ")
		meaning = links.ReplaceAllString(meaning, "$1")
		if strings.Contains(options, "omitempty") {
			meaning = strings.TrimSpace(meaning + " Left out when empty.")
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", path+field, kind, meaning))
		if inner != "" {
			below := path + field + "."
			if strings.HasPrefix(kind, "list") {
				below = path + field + "[]."
			}
			rows = append(rows, p.rows(inner, below)...)
		}
	}
	return rows
}

// kind returns the JSON type of a Go type, and the name of a struct of this
// package in it.
func (p *source) kind(e ast.Expr) (kind, inner string) {
	switch e := e.(type) {
	case *ast.StarExpr:
		kind, inner = p.kind(e.X)
		return kind + " or null", inner
	case *ast.ArrayType:
		kind, inner = p.kind(e.Elt)
		return "list of " + kind, inner
	case *ast.MapType:
		kind, _ = p.kind(e.Value)
		return "object of " + kind, ""
	case *ast.SelectorExpr:
		switch e.Sel.Name {
		case "Descriptor":
			return "OCI descriptor", ""
		case "Time":
			return "RFC 3339 time", ""
		}
		return "string", ""
	case *ast.Ident:
		switch e.Name {
		case "int", "int64", "float64":
			return "number", ""
		case "bool":
			return "boolean", ""
		case "string":
			return "string", ""
		}
		if p.structOf(e.Name) != nil {
			return "object", e.Name
		}
	}
	return "string", ""
}
