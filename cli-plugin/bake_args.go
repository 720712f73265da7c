package cliplugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/text"
)

// recordedFlags are the flags that decide what a bake file contains. The file
// records them. --allow is not one of them: a file cannot grant access.
var recordedFlags = []string{
	"complete", "version", "version-from", "git", "target", "tag", "label", "annotation", "compression", "compression-level",
	"build-arg", "network", "pull", "no-cache-filter", "shm-size", "ulimit",
}

// takeRecorded sets the flags and returns the directories that the existing bake
// file records, if none were given.
func (o *bakeOptions) takeRecorded(cmd *cobra.Command, a *app, args []string) ([]string, error) {
	if len(args) > 0 || o.output == "-" || slices.ContainsFunc(recordedFlags, cmd.Flags().Changed) {
		return args, nil
	}
	file, err := bake.ReadFile(o.output)
	if err != nil {
		return args, nil //nolint:nilerr // there is no file, or writing it reports the error
	}
	words, ok, err := bake.Arguments(file)
	if err == nil && ok {
		args, err = o.parseRecorded(cmd, words)
	}
	if err != nil {
		return nil, diag.WithHint(diag.Invalidf("%s: the arguments in its first lines: %v", o.output, err), "name the directories of the extensions")
	}
	if o.recorded = len(words) > 0; o.recorded {
		fmt.Fprintf(a.cli.Err(), "using the arguments recorded in %s: %s\n", o.output, text.Clean(quoted(words)))
	}
	return args, nil
}

// parseRecorded sets the flags of words, which are not those of the user, and
// returns the directories.
func (o *bakeOptions) parseRecorded(cmd *cobra.Command, words []string) ([]string, error) {
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, name := range recordedFlags {
		known.AddFlag(cmd.Flags().Lookup(name))
	}
	if err := known.Parse(words); err != nil {
		return nil, err
	}
	return bake.RecordedDirs(o.output, known.Args()), nil
}

// recordedWords returns the arguments for the flags that a file records.
func recordedWords(flags *pflag.FlagSet) []string {
	var words []string
	for _, name := range recordedFlags {
		f := flags.Lookup(name)
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			switch {
			case value == "", f.Value.Type() == "bool" && value != "true":
			case value == f.NoOptDefVal:
				words = append(words, "--"+name)
			case f.NoOptDefVal != "":
				words = append(words, "--"+name+"="+value)
			default:
				words = append(words, "--"+name, value)
			}
		}
	}
	return words
}

// commandLine returns the command that writes the file.
func (o *bakeOptions) commandLine() string {
	words := []string{"docker", "extpack", "bake"}
	if o.output != bake.FileName {
		words = append(words, "--output", o.output)
	}
	if !o.recorded {
		words = append(words, o.words...)
	}
	for _, a := range o.grants.allow {
		words = append(words, "--allow", a)
	}
	if !o.recorded && (len(o.args) != 1 || o.args[0] != ".") {
		words = append(words, o.remotes.Names(o.args)...)
	}
	return quoted(words)
}

func quoted(words []string) string {
	var all []string
	for _, w := range words {
		all = append(all, text.Quote(w))
	}
	return strings.Join(all, " ")
}
