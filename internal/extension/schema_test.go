package extension

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/extension.schema.json")

// TestSchemaFile keeps the schema as the parser has it. That it is right of
// descriptors is tested in tests/rules.
func TestSchemaFile(t *testing.T) {
	const file = "../../docs/extension.schema.json"
	want, err := Schema()
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
		t.Error("docs/extension.schema.json is out of date: go test ./internal/extension -run Schema -update")
	}
}

func TestSchemaDocs(t *testing.T) {
	if _, err := Schema(); err != nil {
		t.Fatal(err)
	}
}
