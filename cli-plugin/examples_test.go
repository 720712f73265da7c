package cliplugin

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestExamples: the examples in the help of each command have flags and
// arguments that the command accepts.
func TestExamples(t *testing.T) {
	count := 0
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if strings.HasPrefix(line, "docker buildx ") {
				continue // beside one of ours
			}
			count++
			words, ok := splitWords(line)
			if !ok || len(words) < 3 || words[0] != "docker" || words[1] != "extpack" {
				t.Errorf("%s: the example %q is not a command of docker extpack", cmd.CommandPath(), line)
				continue
			}
			// Flags have values after parsing, so each example has its own command.
			root := newRootCmd(nil, "extpack")
			called, args, err := root.Find(words[2:])
			if err == nil {
				err = called.ParseFlags(args)
			}
			if err == nil && called.Args != nil {
				err = called.Args(called, called.Flags().Args())
			}
			if err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
		for _, c := range cmd.Commands() {
			check(c)
		}
	}
	check(newRootCmd(nil, "extpack"))
	if count < 20 {
		t.Errorf("found only %d examples", count)
	}
}

// splitWords splits a line as a shell does, up to a comment, a pipe or a
// redirection.
func splitWords(line string) (words []string, ok bool) {
	var word strings.Builder
	inside, begun := rune(0), false
	end := func() {
		if begun {
			words = append(words, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, r := range line {
		switch {
		case inside != 0 && r == inside:
			inside = 0
		case inside != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inside, begun = r, true
		case r == ' ':
			end()
		case !begun && strings.ContainsRune("#|>", r):
			return words, true
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	end()
	return words, inside == 0
}
