package cliplugin

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
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

// TestFlagsInDocs: commands within the text of the documentation have flags that
// exist.
func TestFlagsInDocs(t *testing.T) {
	span := regexp.MustCompile("`(docker extpack [^`\n]+)`")
	count := 0
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata"):
			return fs.SkipDir
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		page, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range span.FindAllStringSubmatch(string(page), -1) {
			words, ok := splitWords(m[1])
			if !ok {
				continue
			}
			called, args, err := newRootCmd(nil, "extpack").Find(words[2:])
			if err != nil {
				t.Errorf("%s: `%s`: %v", name, m[1], err)
				continue
			}
			for _, arg := range args {
				flag, _, _ := strings.Cut(arg, "=")
				long, isLong := strings.CutPrefix(flag, "--")
				known := !strings.HasPrefix(flag, "-") || flag == "-" || flag == "--"
				switch {
				case known:
				case isLong:
					known = called.Flag(long) != nil
				default:
					known = called.Flags().ShorthandLookup(flag[1:2]) != nil
				}
				if count++; !known {
					t.Errorf("%s: `%s`: there is no flag %s", name, m[1], flag)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 30 {
		t.Errorf("found only %d words", count)
	}
}
