package extension

import (
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
)

func FuzzParse(f *testing.F) {
	for _, tests := range [][]diagnosticTest{syntaxTests, infoTests, targetTests, settingsTests, packageTests} {
		for _, tt := range tests {
			if len(tt.toml) < MaxSize {
				f.Add([]byte(tt.toml))
			}
		}
	}
	f.Add([]byte(everything))
	f.Add([]byte("[workspace]\nmembers = [\"x/*\"]\nlabels = { a = \"b\" }\n[[trust]]\ndirectory = \"~/x\"\nallow = [\"ssh\"]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, list, err := Parse("extension.toml", data)
		checkInvariants(t, d != nil, "extension.toml", data, list, err)
		p, list, err := ParsePackage("package.toml", data)
		checkInvariants(t, p != nil, "package.toml", data, list, err)
		_, err = ParseWorkspace("extpack.toml", data)
		checkInvariants(t, err == nil, "extpack.toml", data, diag.Of(err), err)
		_, err = ParseTrust("extpack.toml", data)
		checkInvariants(t, err == nil, "extpack.toml", data, diag.Of(err), err)
		ParsePlan("plan.toml", data)
		ParseExtendConfig("extend-config.toml", data)
		checkTree(t, data)
	})
}

// checkTree compares the tree with what the library decodes: places are the
// only thing the tree may add.
func checkTree(t *testing.T, data []byte) {
	t.Helper()
	var want map[string]any
	if toml.Unmarshal(data, &want) != nil {
		return
	}
	root, err := buildTree(data)
	if err != nil {
		t.Fatal(err)
	}
	compareTree(t, root, want)
}

func compareTree(t *testing.T, n *node, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		if n.kind != tableKind || len(n.keys) != len(want) {
			t.Fatalf("%v with %d keys, want %d", n.kind, len(n.keys), len(want))
		}
		for _, k := range n.keys {
			compareTree(t, k.value, want[k.name])
		}
	case []any:
		if n.kind != arrayKind || len(n.items) != len(want) {
			t.Fatalf("%v with %d items, want %d", n.kind, len(n.items), len(want))
		}
		for i, item := range n.items {
			compareTree(t, item, want[i])
		}
	case string:
		if n.kind != stringKind || n.text != want {
			t.Fatalf("%v %q, want %q", n.kind, n.text, want)
		}
	default:
		if n.kind < boolKind {
			t.Fatalf("%v, want %v", n.kind, want)
		}
	}
}

func checkInvariants(t *testing.T, given bool, file string, data []byte, list diag.List, err error) {
	t.Helper()
	if given == (err != nil) {
		t.Errorf("value given: %v, error: %v", given, err)
	}
	if (err == nil) != (list.Err() == nil) {
		t.Errorf("error %v for the list %v", err, list)
	}
	for _, d := range list {
		if d.File != file || d.Message == "" || d.Line < 0 || d.Line > len(data)+1 || d.Column > len(data)+1 {
			t.Errorf("bad diagnostic %+v", d)
		}
	}
}
