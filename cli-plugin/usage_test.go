package cliplugin

import (
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ownUsage are flags whose description depends on the command.
var ownUsage = map[string]string{
	"annotation":    "index annotate adds it to an entry",
	"build-arg":     "bake does not read the environment",
	"builder":       "bake uses it with some flags only",
	"builder-image": "test uses more of it",
	"dry-run":       "build has more to print",
	"force":         "what is forced differs",
	"format":        "formats differ",
	"media-types":   "edits have no default",
	"output":        "bake writes a bake file",
	"platform":      "a selection, or a property of a source",
	"print":         "what is printed differs",
	"quiet":         "what remains differs",
	"set":           "bake uses it with --print only",
	"smoke":         "doctor only checks it",
	"tag":           "annotate has a default, package the syntax of pack",
	"target":        "the use of a platform differs",
	"version":       "init sets it",
}

// TestFlagUsage reads the description of every command and flag: the same flag
// has the same one everywhere, in the form of docker's.
func TestFlagUsage(t *testing.T) {
	usages := map[string]map[string]string{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		checkSentence(t, cmd.CommandPath(), cmd.Short)
		for line := range strings.Lines(cmd.Long) {
			if len([]rune(line)) > 88 {
				t.Errorf("%s: a line of the description is wider than others: %s", cmd.CommandPath(), line)
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" {
				return
			}
			checkSentence(t, cmd.CommandPath()+" --"+f.Name, f.Usage)
			if usages[f.Name] == nil {
				usages[f.Name] = map[string]string{}
			}
			usages[f.Name][f.Usage] = cmd.CommandPath()
		})
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(Documented())
	for name, by := range usages {
		_, own := ownUsage[name]
		if len(by) > 1 && !own {
			t.Errorf("--%s has %d descriptions: %v", name, len(by), by)
		}
		if len(by) == 1 && own {
			t.Errorf("--%s has one description; remove it from ownUsage", name)
		}
	}
	for name := range ownUsage {
		if usages[name] == nil {
			t.Errorf("no command has --%s; remove it from ownUsage", name)
		}
	}
}

// checkSentence checks a description: it begins with an uppercase letter and has
// no full stop.
func checkSentence(t *testing.T, of, usage string) {
	t.Helper()
	if usage == "" || strings.HasSuffix(usage, ".") {
		t.Errorf("%s: the description %q is empty or ends with a full stop", of, usage)
		return
	}
	if first := []rune(usage)[0]; !unicode.IsUpper(first) {
		t.Errorf("%s: the description %q begins in lowercase", of, usage)
	}
}
