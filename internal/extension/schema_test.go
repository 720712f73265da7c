package extension

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the schemas in docs")

// TestSchemaFiles keeps the schemas as the parser has them. That they are right is
// tested in tests/rules.
func TestSchemaFiles(t *testing.T) {
	for file, schema := range map[string]func() ([]byte, error){"extension": Schema, "test": TestSchema, "workspace": WorkspaceSchema, "package": PackageSchema} {
		file = "../../docs/" + file + ".schema.json"
		want, err := schema()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is out of date: go test ./internal/extension -run Schema -update", file)
		}
	}
}
