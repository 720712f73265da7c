package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/extension"
)

// key is a key of extension.toml in its JSON schema.
type key struct {
	Type        string
	Description string
	Deprecated  bool
	Enum        []string
	Required    []string
	Properties  map[string]*key
	Items       *key
}

// TestConfiguration writes the keys of extension.toml, as the parser reads them,
// into docs/reference-configuration.md.
func TestConfiguration(t *testing.T) {
	data, err := extension.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var top key
	if err := json.Unmarshal(data, &top); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("| key | type | meaning |\n| --- | --- | --- |\n")
	top.write(&out, "")
	if n := strings.Count(out.String(), "\n"); n < 30 {
		t.Errorf("found only %d keys", n)
	}
	generated(t, "docs/configuration.md", "extension.toml", out.String())
}

func (k *key) write(out *strings.Builder, path string) {
	for _, name := range slices.Sorted(maps.Keys(k.Properties)) {
		p := k.Properties[name]
		meaning := p.Description
		if slices.Contains(k.Required, name) {
			meaning += " Required."
		}
		if len(p.Enum) > 0 {
			meaning += " One of: " + strings.Join(p.Enum, ", ") + "."
		}
		kind := p.Type
		switch {
		case p.Type == "array" && p.Items != nil && len(p.Items.Properties) > 0:
			kind = "tables"
		case p.Type == "array":
			kind = "strings"
		case p.Type == "object":
			kind = "table"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", path+name, kind, strings.ReplaceAll(meaning, "|", `\|`))
		p.write(out, path+name+".")
		if p.Items != nil {
			p.Items.write(out, path+name+"[].")
		}
	}
}

// otherVariables are read by name only at run time, or by a library.
var otherVariables = map[string]string{
	"SOURCE_DATE_EPOCH": "cli-plugin", "DOCKER_CONFIG": "docker/cli", "DOCKER_HOST": "docker/cli", "DOCKER_CONTEXT": "docker/cli",
	"DOCKER_AUTH_CONFIG": "docker/cli", "HTTP_PROXY, HTTPS_PROXY, NO_PROXY": "net/http", "BUILDX_BUILDER": "buildx", "TMPDIR": "os",
}

// TestEnvironment: the table in docs/configuration.md has every variable that the
// code reads, and no other.
func TestEnvironment(t *testing.T) {
	read := map[string]bool{}
	for name := range otherVariables {
		read[name] = true
	}
	for _, p := range sources(t) {
		for _, f := range p.files {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 1 {
					return true
				}
				if name := called(call); name != "Getenv" && name != "LookupEnv" {
					return true
				}
				name := p.text(call.Args[0])
				if id, ok := call.Args[0].(*ast.Ident); ok && id.Name == "EnvLimits" {
					name = "EXTPACK_LIMITS"
				}
				if name != placeholder {
					read[name] = true
				}
				return true
			})
		}
	}
	delete(read, "PATH")
	delete(read, "TERM") // with NO_COLOR
	page, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Environment\n")
	if !ok {
		t.Fatal("docs/configuration.md has no section Environment")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z_, ]+)` ").FindAllStringSubmatch(section, -1) {
		documented[m[1]] = true
	}
	for name := range read {
		if !documented[name] {
			t.Errorf("docs/configuration.md does not list the variable %s, which is read", name)
		}
	}
	for name := range documented {
		if !read[name] {
			t.Errorf("docs/configuration.md lists the variable %s, which is not read", name)
		}
	}
}

// TestExitCodes: docs/exit-codes.md has the codes of the code.
func TestExitCodes(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "exit-codes.md"))
	if err != nil {
		t.Fatal(err)
	}
	code := map[string]bool{"0": true}
	for _, p := range sources(t) {
		if p.dir != "cli-plugin" {
			continue
		}
		for name, value := range p.consts {
			if lit, ok := value.(*ast.BasicLit); ok && strings.HasPrefix(name, "exit") {
				code[lit.Value] = true
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(string(page), -1) {
		if !code[m[1]] {
			t.Errorf("docs/exit-codes.md has the code %s, which is not returned", m[1])
		}
		delete(code, m[1])
	}
	for missing := range code {
		t.Errorf("docs/exit-codes.md lacks the code %s", missing)
	}
}
