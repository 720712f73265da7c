package cliplugin

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/remote"
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
		fmt.Fprintf(a.cli.Err(), "with the arguments of %s: %s\n", o.output, text.Clean(quoted(words)))
	}
	return args, nil
}

// parseRecorded sets the flags of words, which are not those of the user, and
// returns the directories.
func (o *bakeOptions) parseRecorded(cmd *cobra.Command, words []string) ([]string, error) {
	var found []string
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, name := range recordedFlags {
		known.AddFlag(cmd.Flags().Lookup(name))
	}
	if err := known.Parse(words); err != nil {
		return nil, err
	}
	for _, dir := range known.Args() {
		if remote.IsRemote(dir) {
			found = append(found, dir)
			continue
		}
		if dir = filepath.FromSlash(dir); !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(o.output), dir)
		}
		found = append(found, dir)
	}
	if len(found) == 0 {
		found = []string{filepath.Dir(o.output)}
	}
	return found, nil
}

// arguments returns the arguments that write the same file, for a file in dir.
func (o *bakeOptions) arguments(dir string) ([]string, error) {
	words := o.flags()
	var dirs []string
	for _, d := range o.remotes.Names(o.args) {
		if remote.IsRemote(d) {
			dirs = append(dirs, d)
			continue
		}
		rel, err := bake.Relative(dir, d)
		if err != nil {
			return nil, err
		}
		rel = filepath.ToSlash(rel)
		if strings.HasPrefix(rel, "-") {
			rel = "./" + rel
		}
		dirs = append(dirs, rel)
	}
	if len(dirs) != 1 || dirs[0] != "." {
		words = append(words, dirs...)
	}
	return words, nil
}

// flags returns the flags that a file records.
func (o *bakeOptions) flags() []string {
	var words []string
	switch o.complete {
	case "":
	case completeStatic:
		words = append(words, "--complete")
	default:
		words = append(words, "--complete="+o.complete)
	}
	add := func(flag string, values ...string) {
		for _, value := range values {
			if value != "" {
				words = append(words, flag, value)
			}
		}
	}
	add("--version", o.version)
	add("--version-from", o.git.versionFrom)
	if o.git.origin {
		words = append(words, "--git")
	}
	add("--target", o.targets...)
	add("--tag", o.tags...)
	add("--label", o.labels...)
	add("--annotation", o.annotations...)
	add("--compression", o.compression.name)
	add("--compression-level", o.compression.level)
	add("--build-arg", o.stage.buildArgs...)
	add("--network", o.stage.network)
	if o.stage.pull {
		words = append(words, "--pull")
	}
	add("--no-cache-filter", o.stage.noCacheFilter...)
	add("--shm-size", o.stage.shmSize)
	add("--ulimit", o.stage.ulimits...)
	return words
}

// commandLine returns the command that writes the file.
func (o *bakeOptions) commandLine() string {
	words := []string{"docker", "extpack", "bake"}
	if o.output != bake.FileName {
		words = append(words, "--output", o.output)
	}
	if !o.recorded {
		words = append(words, o.flags()...)
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
