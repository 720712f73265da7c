package hostile_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	descriptors "github.com/extpack/extpack/internal/extension"
)

// class is what a value of a field can reach.
type class string

const (
	text   class = "text"   // nothing: it is stored or shown
	choice class = "choice" // nothing: it is one of a few values
	inside class = "inside" // files of the extension
	below  class = "below"  // nothing: it names files of the extension that need not exist
	asks   class = "asks"   // what has to be granted
)

// classes are the classes of all fields of the files that a stranger writes.
// TestEveryFieldHasAClass compares them with the schemas of the parser.
var classes = map[string]map[class]string{
	"extension.toml": {
		text: `extension.name extension.description extension.homepage extension.keywords[] extension.exec-env[] extension.clear-env
			extension.licenses[].type extension.licenses[].uri metadata.KEY metadata.VALUE metadata.pre-package
			metadata.extpack.labels.KEY metadata.extpack.labels.VALUE metadata.extpack.annotations.KEY metadata.extpack.annotations.VALUE
			metadata.extpack.build.args.KEY metadata.extpack.build.args.VALUE metadata.extpack.lint.ignore[].reason`,
		choice: `api extension.id extension.version targets[].os targets[].arch targets[].variant targets[].arch-variant
			targets[].distros[].name targets[].distros[].version targets[].distros[].versions[]
			targets[].distributions[].name targets[].distributions[].version targets[].distributions[].versions[]
			metadata.extpack.image metadata.extpack.git metadata.extpack.build.stage metadata.extpack.build.target.KEY metadata.extpack.build.target.VALUE
			metadata.extpack.build.contexts.KEY metadata.extpack.build.pull metadata.extpack.build.no-cache-filter[] metadata.extpack.build.shm-size
			metadata.extpack.build.ulimits[] metadata.extpack.build.compression metadata.extpack.build.compression-level metadata.extpack.lint.ignore[].rule
			metadata.extpack.test.builder-image metadata.extpack.test.build-image metadata.extpack.test.run-image metadata.extpack.test.lifecycle`,
		inside: `targets[].path metadata.include-files[] metadata.extpack.shared[] metadata.extpack.build.dockerfile`,
		below:  `metadata.extpack.lint.ignore[].path metadata.extpack.test.cases`,
		asks: `metadata.extpack.build.contexts.VALUE metadata.extpack.build.secrets[] metadata.extpack.build.ssh[] metadata.extpack.build.add-hosts[]
			metadata.extpack.build.extra-hosts.KEY metadata.extpack.build.extra-hosts.VALUE metadata.extpack.build.network
			metadata.extpack.build.cache-from[] metadata.extpack.build.cache-to[]`,
	},
	"package.toml": {
		choice: `targets[].os targets[].arch targets[].variant targets[].arch-variant platform.os
			targets[].distros[].name targets[].distros[].version targets[].distros[].versions[]
			targets[].distributions[].name targets[].distributions[].version targets[].distributions[].versions[]`,
		inside: `extension.uri targets[].path`,
	},
	"extpack.toml": {
		text:   `workspace.labels.KEY workspace.labels.VALUE workspace.annotations.KEY workspace.annotations.VALUE`,
		choice: `workspace.tags[] workspace.targets[]`,
		inside: `workspace.members[] workspace.exclude[]`,
	},
	"tests/case.toml": {
		text: `case[].name case[].env.KEY case[].env.VALUE case[].requires[] case[].requires[].name case[].requires[].metadata.KEY case[].requires[].metadata.VALUE
			case[].output case[].output[] case[].fails case[].plan[]
			case[].build-image.user case[].build-image.env.KEY case[].build-image.env.VALUE case[].build-image.labels.KEY case[].build-image.labels.VALUE
			case[].build-image.command[].run[] case[].build-image.command[].output case[].build-image.file[].content
			case[].run-image.base case[].run-image.user case[].run-image.env.KEY case[].run-image.env.VALUE case[].run-image.labels.KEY case[].run-image.labels.VALUE
			case[].run-image.command[].run[] case[].run-image.command[].output case[].run-image.file[].content`,
		// TestTestOrder has an order that leaves the repository: it is read when a case runs.
		choice: `case[].order[] case[].targets[] case[].platform-api case[].detect case[].changes-app
			case[].build-image.rebasable case[].build-image.file[].absent case[].build-image.file[].path case[].build-image.file[].mode case[].build-image.command[].exit
			case[].run-image.rebasable case[].run-image.file[].absent case[].run-image.file[].path case[].run-image.file[].mode case[].run-image.command[].exit`,
		inside: `case[].app`,
		below:  `case[].golden`,
	},
}

// schemas are those of the files, recorded from the parser.
var schemas = map[string]func() ([]byte, error){
	"extension.toml": descriptors.Schema, "package.toml": descriptors.PackageSchema, "extpack.toml": descriptors.WorkspaceSchema, "tests/case.toml": descriptors.TestSchema,
}

// node is a part of a JSON schema.
type node struct {
	Type       string
	Properties map[string]*node
	Items      *node
	AnyOf      []*node
	Additional json.RawMessage `json:"additionalProperties"`
}

// fields are the fields of a schema: "[]" follows the names of arrays, KEY and
// VALUE are those of tables with any keys.
func (n *node) fields(t *testing.T, at string) []string {
	t.Helper()
	var all []string
	add := func(n *node, name string) { all = append(all, n.fields(t, strings.TrimPrefix(at+name, "."))...) }
	switch {
	case len(n.AnyOf) > 0:
		for _, one := range n.AnyOf {
			add(one, "")
		}
	case n.Type == "object":
		for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
			add(n.Properties[name], "."+name)
		}
		if string(n.Additional) != "false" {
			all = append(all, at+".KEY", at+".VALUE")
		}
	case n.Type == "array":
		add(n.Items, "[]")
	case n.Type == "string", n.Type == "boolean", n.Type == "integer":
		all = append(all, at)
	default:
		t.Fatalf("%s: the generator does not know the type %q", at, n.Type)
	}
	return all
}

// TestEveryFieldHasAClass: a field that is added to a parser is in the generator
// when it is known what it can reach.
func TestEveryFieldHasAClass(t *testing.T) {
	t.Parallel()
	for file, schema := range schemas {
		data, err := schema()
		if err != nil {
			t.Fatal(err)
		}
		var root node
		if err := json.Unmarshal(data, &root); err != nil {
			t.Fatal(err)
		}
		root.Additional = json.RawMessage("false") // unknown tables are errors
		read := root.fields(t, "")
		known := map[string]bool{}
		for _, names := range classes[file] {
			for _, name := range strings.Fields(names) {
				known[name] = true
				if !slices.Contains(read, name) {
					t.Errorf("%s: the parser does not read %s", file, name)
				}
			}
		}
		for _, name := range read {
			if !known[name] {
				t.Errorf("%s: %s has no class: add what it can reach to classes", file, name)
			}
		}
	}
}

// siblings are the other values of tables that the generator makes.
var siblings = map[string]map[string]any{
	"targets[]":                        {"os": "linux", "arch": "amd64"},
	"targets[].distros[]":              {"name": "ubuntu", "version": "24.04"},
	"targets[].distributions[]":        {"name": "ubuntu", "version": "24.04"},
	"metadata.extpack.lint.ignore[]":   {"rule": "license-empty", "reason": "x"},
	"workspace":                        {"members": []string{"."}},
	"case[]":                           {"name": "x"},
	"case[].requires[]":                {"name": "x"},
	"case[].build-image.file[]":        {"path": "/x"},
	"case[].run-image.file[]":          {"path": "/x"},
	"case[].build-image.command[]":     {"run": []string{"x"}},
	"case[].run-image.command[]":       {"run": []string{"x"}},
	"metadata.extpack.build.contexts":  {"sound": "in"},
	"extension":                        {},
	"metadata.extpack.build.add-hosts": {},
}

// withField returns doc, a TOML document, with value at a field.
func withField(t *testing.T, doc, name, value string) string {
	t.Helper()
	root := map[string]any{}
	if err := toml.Unmarshal([]byte(doc), &root); err != nil {
		t.Fatal(err)
	}
	at, path := root, ""
	parts := strings.Split(name, ".")
	for _, part := range parts[:len(parts)-1] {
		path = strings.TrimPrefix(path+"."+part, ".")
		key, array := strings.CutSuffix(part, "[]")
		if list, ok := at[key].([]any); ok && len(list) > 0 {
			at, _ = list[0].(map[string]any)
			continue
		}
		next, ok := at[key].(map[string]any)
		if !ok {
			next = maps.Clone(siblings[path])
			if next == nil {
				next = map[string]any{}
			}
			if at[key] = next; array {
				at[key] = []any{next}
			}
		}
		at = next
	}
	switch key, array := strings.CutSuffix(parts[len(parts)-1], "[]"); {
	case key == "KEY":
		at[value] = "x"
	case key == "VALUE":
		at["x"] = value
	case array:
		at[key] = []string{value}
	default:
		at[key] = value
	}
	data, err := toml.Marshal(root)
	if err != nil {
		t.Fatalf("%s = %q: %v", name, value, err)
	}
	if err := toml.Unmarshal(data, &map[string]any{}); err != nil {
		t.Fatalf("%s = %q: %v\n%s", name, value, err, data)
	}
	return string(data)
}
