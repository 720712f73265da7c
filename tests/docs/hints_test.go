package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/verify"
)

// hint is a message of the code with its next step.
type hint struct{ message, step string }

// source is the parsed code of a package.
type source struct {
	dir    string
	files  []*ast.File
	consts map[string]ast.Expr // package-level constants and variables
}

// sources returns the packages of the plugin.
func sources(t *testing.T) []*source {
	t.Helper()
	packages := map[string]*source{}
	for _, top := range []string{"bake", "cli-plugin", "hcl", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			dir, err := filepath.Rel(root, filepath.Dir(name))
			if err != nil {
				return err
			}
			p := packages[dir]
			if p == nil {
				p = &source{dir: filepath.ToSlash(dir), consts: map[string]ast.Expr{}}
				packages[dir] = p
			}
			p.files = append(p.files, file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var list []*source
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		p := packages[dir]
		p.readConsts()
		list = append(list, p)
	}
	return list
}

func (p *source) readConsts() {
	for _, f := range p.files {
		for _, d := range f.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
					for i, name := range v.Names {
						p.consts[name.Name] = v.Values[i]
					}
				}
			}
		}
	}
}

// placeholder replaces what is not known before the program runs.
const placeholder = "…"

// verbs matches the verbs of package fmt.
var verbs = regexp.MustCompile(`%[-+# 0]*[\d*]*(\.[\d*]+)?(\[\d+\])?[a-zA-Z]`)

// text returns the string of an expression, with a placeholder for each part
// that is not a constant.
func (p *source) text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return strings.ReplaceAll(verbs.ReplaceAllString(s, placeholder), "%%", "%")
		}
	case *ast.BinaryExpr:
		return p.text(e.X) + p.text(e.Y)
	case *ast.ParenExpr:
		return p.text(e.X)
	case *ast.Ident:
		if value, ok := p.consts[e.Name]; ok && value != e {
			return p.text(value)
		}
	case *ast.CallExpr:
		if name := called(e); (name == "Sprintf" || name == "Errorf" || name == "Invalidf" || name == "New") && len(e.Args) > 0 {
			return p.text(e.Args[0])
		}
		// (*List).Errorf has a position before the format.
	}
	return placeholder
}

func called(e *ast.CallExpr) string {
	switch f := e.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

// hints returns the messages with a next step: arguments of diag.WithHint,
// assignments to the field Hint of a diagnostic, or to Fix of a check after its
// Message, and literals with these fields.
func (p *source) hints() []hint {
	var list []hint
	add := func(message, step string) {
		clean := strings.Trim(message, placeholder+`:"' `)
		if step == placeholder || strings.TrimSpace(step) == "" || clean == "" || clean == "%w" {
			return
		}
		list = append(list, hint{message, step})
	}
	message := ""
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if called(n) == "WithHint" && len(n.Args) == 2 {
					add(p.message(n.Args[0]), p.text(n.Args[1]))
				}
			case *ast.FuncDecl:
				message = "" // of the check that the function makes
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if n.Tok == token.ADD_ASSIGN {
						continue
					}
					field, ok := left.(*ast.SelectorExpr)
					if !ok || i >= len(n.Rhs) {
						continue
					}
					call, isCall := field.X.(*ast.CallExpr)
					switch field.Sel.Name {
					case "Message":
						message = p.text(n.Rhs[i])
					case "Fix":
						add(message, p.text(n.Rhs[i]))
					case "Hint":
						if isCall {
							add(p.message(call), p.text(n.Rhs[i]))
						}
					}
				}
			case *ast.CompositeLit:
				fields := map[string]ast.Expr{}
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						if key, ok := kv.Key.(*ast.Ident); ok {
							fields[key.Name] = kv.Value
						}
					}
				}
				for _, step := range []string{"Hint", "Fix"} {
					if fields["Message"] != nil && fields[step] != nil {
						add(p.text(fields["Message"]), p.text(fields[step]))
					}
				}
			}
			return true
		})
	}
	return list
}

// message returns the format of an error: the first argument with text.
func (p *source) message(e ast.Expr) string {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return p.text(e)
	}
	for _, arg := range call.Args {
		if s := p.text(arg); s != placeholder {
			return s
		}
	}
	return placeholder
}

// TestHints writes the index of messages into docs/troubleshooting.md.
func TestHints(t *testing.T) {
	var out strings.Builder
	total := 0
	for _, p := range sources(t) {
		list := p.hints()
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(a, b hint) int { return strings.Compare(a.message+a.step, b.message+b.step) })
		list = slices.Compact(list)
		total += len(list)
		title := areas[p.dir]
		if title == "" {
			title = path.Base(p.dir)
		}
		fmt.Fprintf(&out, "\n### %s\n\n| message | next step |\n| --- | --- |\n", title)
		for _, h := range list {
			fmt.Fprintf(&out, "| %s | %s |\n", cell(h.message), cell(h.step))
		}
	}
	if total < 100 {
		t.Errorf("found only %d hints", total)
	}
	generated(t, "docs/troubleshooting.md", "hints", out.String())
}

// cell returns text for a cell of a table in Markdown.
func cell(s string) string {
	s = strings.NewReplacer("|", `\|`, "\n", " ", "`", "'").Replace(s)
	return "`" + strings.TrimSpace(s) + "`"
}

// TestChecks writes the checks of verify into docs/troubleshooting.md.
func TestChecks(t *testing.T) {
	var out strings.Builder
	out.WriteString("| check | severity | what holds | next step |\n| --- | --- | --- | --- |\n")
	escape := strings.NewReplacer("|", `\|`, "${", `\${`, "[[", `\[\[`, "<", `\<`)
	for _, c := range verify.Checks() {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", c.ID, c.Severity, escape.Replace(c.Summary), escape.Replace(c.Hint()))
	}
	generated(t, "docs/troubleshooting.md", "checks", out.String())
}
