package cliplugin

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

const referenceDir = "../docs/reference"

// TestDocs keeps docs/reference equal to the commands; -update rewrites it.
func TestDocs(t *testing.T) {
	want := map[string]string{}
	reference(t, Documented(), want)

	if *update {
		if err := os.RemoveAll(referenceDir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(referenceDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(referenceDir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(referenceDir)
	if err != nil {
		t.Fatalf("%v; write the reference with: go test ./cli-plugin -run TestDocs -update", err)
	}
	for _, f := range files {
		have, err := os.ReadFile(filepath.Join(referenceDir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := want[f.Name()]; !ok || text != string(have) {
			t.Errorf("docs/reference/%s is not what the commands say; run: go test ./cli-plugin -run TestDocs -update", f.Name())
		}
		delete(want, f.Name())
	}
	for name := range want {
		t.Errorf("docs/reference/%s is missing; run: go test ./cli-plugin -run TestDocs -update", name)
	}
}

// reference adds the page of a command and of those below it.
func reference(t *testing.T, cmd *cobra.Command, pages map[string]string) {
	t.Helper()
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && !c.IsAdditionalHelpTopicCommand() {
			reference(t, c, pages)
		}
	}
	if !cmd.Flags().SortFlags {
		t.Errorf("%s: flags are not sorted", cmd.CommandPath())
	}
	var page bytes.Buffer
	if err := doc.GenMarkdownCustom(cmd, &page, func(name string) string { return name }); err != nil {
		t.Fatalf("%s: %v", cmd.CommandPath(), err)
	}
	pages[strings.ReplaceAll(cmd.CommandPath(), " ", "_")+".md"] = page.String()
}
