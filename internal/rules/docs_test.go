package rules_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

var update = flag.Bool("update", false, "write docs/rules.md")

// TestDocs keeps docs/rules.md as the catalogue has it.
func TestDocs(t *testing.T) {
	const file = "../../docs/rules.md"
	want := document()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/rules.md is out of date: go test ./internal/rules -update")
	}
}

func document() string {
	var b strings.Builder
	b.WriteString("# Rules\n\n<!-- Generated from internal/rules: go test ./internal/rules -update -->\n\n" +
		"`docker extpack lint` checks these rules. `build` and `bake` refuse what breaks an error before anything starts,\n" +
		"and `verify` applies the rules for files to the layer of each platform.\n\n" +
		"- **L**: the lifecycle's own code refuses it.\n" +
		"- **F**: `lint --fix` repairs it.\n" +
		"- **O**: `lint --online` only.\n" +
		"- **S**: needs the programs to be run, `build --smoke`.\n" +
		"- **R**: cannot be turned off, as there is no package without it.\n\n" +
		"A note is what could not be decided, or is good to know. A rule is turned off in `extension.toml`, for the extension or for one path:\n\n" +
		"```toml\n[[metadata.extpack.lint.ignore]]\nrule = \"secret\"\npath = \"testdata/key.pem\"\nreason = \"made for tests\"\n```\n")
	for _, severity := range []diag.Severity{diag.Error, diag.Warning, diag.Note} {
		fmt.Fprintf(&b, "\n## %ss\n\n| rule | | what holds | from | what to do |\n| --- | --- | --- | --- | --- |\n", strings.ToUpper(severity.String()[:1])+severity.String()[1:])
		for _, r := range rules.All() {
			if r.Severity == severity {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.ID, marks(r), cell(r.Summary), cell(r.Source+", "+quoted(r.Section)), cell(r.Fix))
			}
		}
	}
	return b.String()
}

func quoted(section string) string { return "“" + section + "”" }

func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "[[", `\[\[`, "${", `\${`).Replace(s)
}

func marks(r *rules.Rule) string {
	var marks []string
	for _, m := range []struct {
		set  bool
		mark string
	}{{r.Lifecycle, "L"}, {r.Fixable, "F"}, {r.Online, "O"}, {r.Run, "S"}, {r.Required, "R"}} {
		if m.set {
			marks = append(marks, m.mark)
		}
	}
	return strings.Join(marks, " ")
}
