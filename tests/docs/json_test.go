package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// shapes are the types that commands print as JSON, each with a file of
// cli-plugin/testdata that a command printed.
var shapes = []struct{ title, dir, name, golden string }{
	{"inspect --format json", "internal/inspect", "Report", "json/inspect.json"},
	{"verify --format json", "internal/verify", "Report", "json/verify.json"},
	{"verify --list-checks --format json (a list)", "internal/verify", "CheckInfo", "json/verify-checks.json"},
	{"lint --format json (a list)", "cli-plugin", "lintReport", "json/lint.json"},
	{"lint --list-rules --format json (a list)", "cli-plugin", "ruleInfo", "json/lint-rules.json"},
	{"run-image --format json", "internal/runimage", "Report", "json/run-image.json"},
	{"builder doctor --format json", "internal/doctor", "Report", "json/doctor.json"},
	{"test --format json (a list)", "cli-plugin", "testResult", "test/json.txt"},
	{"build --metadata-file (a list)", "internal/pipeline", "builtMetadata", "json/build.json"},
	{"--progress rawjson, a line of docker extpack among those of BuildKit", "internal/progress", "message", "json/build-progress.json"},
	{"bake --matrix (a list)", "bake", "MatrixJob", "json/bake-matrix.json"},
	{"version --format json", "cli-plugin", "versionInfo", "json/version.json"},
}

// TestJSON writes the fields of each JSON output into docs/json.md, with an
// example that has them.
func TestJSON(t *testing.T) {
	packages := map[string]*source{}
	for _, p := range sources(t) {
		packages[p.dir] = p
	}
	var out strings.Builder
	for _, s := range shapes {
		fmt.Fprintf(&out, "\n## %s\n\n| field | type | meaning |\n| --- | --- | --- |\n", s.title)
		rows := packages[s.dir].rows(s.name, "")
		if len(rows) < 2 {
			t.Errorf("%s: found only the fields %v", s.title, rows)
		}
		for _, row := range rows {
			if strings.HasSuffix(row, "|  |\n") || strings.HasSuffix(row, "| Left out when empty. |\n") {
				t.Errorf("%s: a field has no doc comment: %s", s.title, row)
			}
		}
		out.WriteString(strings.Join(rows, ""))
		example, err := os.ReadFile(filepath.Join(root, "cli-plugin", "testdata", filepath.FromSlash(s.golden)))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n```json\n%s\n```\n", strings.TrimSpace(string(example)))
		compareFields(t, s.title, rows, example)
		if files, err := os.ReadFile(filepath.Join(root, "cli-plugin", "testdata", strings.Replace(filepath.FromSlash(s.golden), ".json", "-files.json", 1))); err == nil {
			compareFields(t, s.title+" with --files", rows, files)
		}
	}
	generated(t, "docs/json.md", "shapes", out.String())
}

// compareFields reports fields of the example that are not in the rows, and rows
// whose fields are not in the example but always in the output.
func compareFields(t *testing.T, title string, rows []string, example []byte) {
	t.Helper()
	kinds, optional := map[string]string{}, map[string]bool{}
	for _, row := range rows {
		cells := strings.SplitN(row, " | ", 3)
		field := strings.Trim(cells[0], "| `")
		kinds[field] = cells[1]
		for above := range optional {
			optional[field] = optional[field] || strings.HasPrefix(field, above+".") || strings.HasPrefix(field, above+"[].")
		}
		if strings.Contains(cells[2], "Left out when empty.") {
			optional[field] = true
		}
	}
	found := map[string]bool{}
	var add func(path string, value any)
	add = func(path string, value any) {
		switch value := value.(type) {
		case []any:
			for _, v := range value {
				add(path+"[].", v)
			}
		case map[string]any:
			for key, v := range value {
				field := path + key
				found[field] = true
				switch kind := kinds[field]; {
				case kind == "":
					t.Errorf("%s: the field %q of the example is not documented", title, field)
				case strings.HasPrefix(kind, "object of"), kind == "OCI descriptor":
				case strings.HasPrefix(kind, "object"):
					add(field+".", v)
				case strings.HasPrefix(kind, "list of object"):
					add(field, v)
				}
			}
		}
	}
	for doc := json.NewDecoder(bytes.NewReader(example)); doc.More(); {
		var value any
		if err := doc.Decode(&value); err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			add("", v)
		}
	}
	for field := range kinds {
		if !found[field] && !optional[field] {
			t.Errorf("%s: the example has no field %q", title, field)
		}
	}
}

// subject matches the subject and the verb of a doc comment, which are its first
// words, and the first letter after them.
var subject = regexp.MustCompile(`^[A-Z]\w* (is|are|reports) (\w|")`)

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
		if found := subject.FindStringSubmatch(meaning); found != nil {
			meaning = strings.ToUpper(found[2]) + meaning[len(found[0]):]
		}
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
