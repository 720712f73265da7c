package cliplugin

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commandsByName returns all commands by their words after "docker extpack".
func commandsByName() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		all[commandName(cmd)] = cmd
		for _, c := range cmd.Commands() {
			add(c)
		}
	}
	add(newRootCmd(nil, pluginName))
	return all
}

// A habit is for what does not exist, and its hint names what does.
func TestHabits(t *testing.T) {
	commands := commandsByName()
	named := regexp.MustCompile(`"docker extpack ([^"]*)"`)
	check := func(hint string) {
		t.Helper()
		for _, m := range named.FindAllStringSubmatch(hint, -1) {
			var cmd *cobra.Command
			for name, c := range commands {
				if name != "" && (m[1] + " ")[:min(len(m[1])+1, len(name)+1)] == name+" " && (cmd == nil || len(name) > len(commandName(cmd))) {
					cmd = c
				}
			}
			if cmd == nil {
				t.Errorf("%q names no command", hint)
				continue
			}
			checkFlags(t, cmd, hint, m[1])
		}
	}
	for name, hint := range commandHabits {
		if commands[name] != nil {
			t.Errorf("%q is a command: remove its habit", name)
		}
		if group, _, ok := strings.Cut(name, " "); ok && (commands[group] == nil || !commands[group].HasSubCommands()) {
			t.Errorf("%q is below no group", name)
		}
		check(hint)
	}
	for _, h := range flagHabits {
		check(h.hint)
		for _, name := range strings.Split(h.commands, ", ") {
			if h.commands == "" {
				break
			}
			cmd := commands[name]
			if cmd == nil {
				t.Errorf("the habit %q is for %q, which is not a command", h.flags, name)
				continue
			}
			for _, f := range strings.Fields(h.flags) {
				if cmd.Flags().Lookup(f) != nil || len(f) == 1 && cmd.Flags().ShorthandLookup(f) != nil {
					t.Errorf("%s has a flag %q: remove its habit", name, f)
				}
			}
			if !strings.Contains(h.hint, `"docker`) {
				checkFlags(t, cmd, h.hint, h.hint)
			}
		}
	}
}

// checkFlags reports flags in the text of a hint that cmd does not have.
func checkFlags(t *testing.T, cmd *cobra.Command, hint, text string) {
	t.Helper()
	for _, f := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(text, -1) {
		if cmd.Flags().Lookup(f[1]) == nil {
			t.Errorf("%q: %s has no flag --%s", hint, cmd.CommandPath(), f[1])
		}
	}
}

func TestSimilar(t *testing.T) {
	known := []string{"tag", "target", "metadata-file", "media-types", "push", "provenance", "ssh"}
	for word, want := range map[string]string{
		"tagg": "tag", "pushh": "push", "metadata": "metadata-file", "provenence": "provenance", "PUSH": "push", "psuh": "push", "shs": "ssh",
		"me": "", "m": "", "xyz": "", "": "", strings.Repeat("a", 100): "",
	} {
		if got := similar(word, known); got != want {
			t.Errorf("similar(%q) = %q, want %q", word, got, want)
		}
	}
	if !slices.Contains(known, similar("targets", known)) {
		t.Error("a plural is similar to nothing")
	}
}
