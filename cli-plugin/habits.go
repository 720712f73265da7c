package cliplugin

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

// commandHabits are commands of pack, docker and buildx, with what to use
// instead. TestHabits fails if an entry exists as a command.
var commandHabits = map[string]string{
	"check":      `use "docker extpack verify"`,
	"copy":       `use "docker extpack index create -t NEW OLD"`,
	"cp":         `use "docker extpack index create -t NEW OLD"`,
	"create":     `use "docker extpack build" for a package, or "docker extpack index create" for an index`,
	"doctor":     `use "docker extpack builder doctor"`,
	"ensure":     `use "docker extpack builder ensure"`,
	"export":     useSave,
	"extension":  `use "docker extpack package" for "pack extension package"`,
	"imagetools": `use "docker extpack index" and "docker extpack inspect"`,
	"info":       `use "docker extpack inspect"`,
	"load":       `use "docker extpack build --load"`,
	"manifest":   `use "docker extpack index"`,
	"new":        `use "docker extpack init"`,
	"publish":    usePush,
	"pull":       `use "docker extpack index create -o FILE.cnb REFERENCE"`,
	"push":       usePush,
	"save":       useSave,
	"show":       `use "docker extpack inspect"`,
	"tag":        `use "docker extpack index create -t NEW OLD"`,
	"validate":   `use "docker extpack verify"`,

	"builder create":  `use "docker extpack builder ensure"`,
	"builder inspect": `use "docker extpack builder doctor"`,
	"builder ls":      `use "docker buildx ls"`,
	"builder remove":  `use "docker extpack builder ensure --remove"`,
	"builder rm":      `use "docker extpack builder ensure --remove"`,
	"builder use":     `use "docker buildx use", or "docker extpack builder ensure --use"`,
	"index append":    `use "docker extpack index add"`,
	"index inspect":   `use "docker extpack inspect"`,
	"index ls":        `use "docker extpack inspect"`,
	"index push":      `"docker extpack index create -t REFERENCE" publishes what it creates`,
	"index update":    `use "docker extpack index add", "remove" or "annotate"`,
}

const (
	usePush = `use "docker extpack build --push", or "docker extpack index create -t REFERENCE FILE.cnb" for a package file`
	useSave = `use "docker extpack build -o FILE.cnb", or "docker extpack index create -o FILE.cnb REFERENCE"`
)

// flagHabit names flags of other tools and what to use instead.
type flagHabit struct {
	commands string // names after "docker extpack", separated by commas; empty for all
	flags    string // names and letters, separated by spaces
	hint     string
}

const (
	plans   = "build, bake, builder doctor"
	readers = "verify, inspect, builder doctor, run-image, version"
)

// flagHabits contains the first match for a command and flag.
var flagHabits = []flagHabit{
	{plans, "platform platforms arch os", "use --target os/arch[/variant]"},
	{plans, "targets", "use --target, once for each"},
	{plans, "path p dir context", `name the directory as an argument: "docker extpack build DIR"`},
	{plans, "config c", "name the directory as an argument; package.toml is read from there"},
	{plans, "tags name repository", "use --tag REFERENCE, once for each"},
	{plans, "file f dockerfile", "set dockerfile in [metadata.extpack.build] of extension.toml"},
	{"build", "publish", "use --push"},
	{"build", "format", "use --output FILE.cnb for a file, --push or --load for an image"},
	{"build", "iidfile", "use --metadata-file FILE"},
	{"build", "verbose v debug plain", "use --progress plain"},
	{"build", "attest", "use --provenance and --sbom"},
	{"build", "pull-policy", "use --pull, or leave it out: BuildKit looks for newer base images by itself"},
	{"build", "docker-host", "set DOCKER_HOST, or name a builder with --builder"},
	{"build", "flatten", "leave it out: a package has one layer"},
	{"package", "compression compression-level", "set it in [metadata.extpack.build] of extension.toml"},
	{"bake", "push load", `use "docker buildx bake" with it, or "docker extpack build"`},
	{"verify, inspect", "platform platforms", "leave it out: every platform is read"},
	{readers, "json", "use --format json"},
	{readers, "output o", "use --format for the form, and redirect standard output to a file"},
	{"inspect", "bom sbom", `use "docker buildx imagetools inspect --format '{{json .SBOM}}' REFERENCE"`},
	{"annotate", "platform os arch variant os-version os-features", `use "docker extpack index annotate"`},
	{"index create", "amend append", `use "docker extpack index add"`},
	{"index create", "file f", "name the sources as arguments"},
	{"index remove, index annotate", "platform platforms", "name the platform as an argument, after the index"},
	{"index create, index add, index remove, index annotate", "purge p", "leave it out: nothing is kept on this machine"},
	{"builder ensure", "name builder", "name the builder as an argument"},
	{"builder ensure", "platform", "use --native PLATFORM=ENDPOINT for a machine of that platform; others are emulated"},
	{"init", "path p", "name the directory as an argument"},
	{"run-image", "target", "use --platform os/arch[/variant]"},
	{"run-image", "path p", "use --extension DIR"},
	{"", "config", `set DOCKER_CONFIG, or write it before the command: "docker --config DIR extpack"`},
	{"", "host H", `set DOCKER_HOST, or write it before the command: "docker --host ADDRESS extpack"`},
	{"", "context", `set DOCKER_CONTEXT, or write it before the command: "docker --context NAME extpack"`},
	{"", "allow-insecure plain-http tls-verify insecure-registry", "use --insecure"},
}

// unknownCommand returns the error for a command that cmd does not have.
func unknownCommand(cmd *cobra.Command, name string) error {
	message := fmt.Sprintf("unknown command %q for %q", name, cmd.CommandPath())
	if hint := commandHabits[strings.TrimSpace(commandName(cmd)+" "+name)]; hint != "" {
		return usageHint(cmd, message, hint)
	}
	if s := cmd.SuggestionsFor(name); len(s) > 0 {
		message += fmt.Sprintf(" (did you mean %q?)", s[0])
	}
	return usageError(cmd, message)
}

// commandName returns the words of a command after "docker extpack".
func commandName(cmd *cobra.Command) string {
	var words []string
	for ; cmd.HasParent() && cmd.Name() != pluginName; cmd = cmd.Parent() {
		words = append([]string{cmd.Name()}, words...)
	}
	return strings.Join(words, " ")
}

// flagError is the error for flags that cannot be parsed.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return usageHint(cmd, err.Error(), flagHint(cmd, unknown))
	case errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "bool":
		return usageError(cmd, fmt.Sprintf("invalid argument %q for --%s: use true or false", invalid.GetValue(), invalid.GetFlag().Name))
	}
	return cli.FlagErrorFunc(cmd, err)
}

// earlyFlagError returns the error of a command with docker's exit code if it is
// about a flag before the name of a command, for which cobra does not call
// [flagError].
func earlyFlagError(root *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var status cli.StatusError
	if errors.As(err, &unknown) && !errors.As(err, &status) {
		return flagError(root, err)
	}
	return err
}

// flagHint returns what to use instead of a flag that cmd does not have.
func flagHint(cmd *cobra.Command, unknown *pflag.NotExistError) string {
	name := unknown.GetSpecifiedName()
	habits := habitsOf(commandName(cmd))
	if hint := habits[name]; hint != "" && len(unknown.GetSpecifiedShortnames()) < 2 {
		return hint
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		// A long flag after a single dash.
		if name, _, _ = strings.Cut(letters, "="); len(name) > 1 && slices.Contains(flags, name) {
			return fmt.Sprintf("did you mean --%s?", name)
		}
		return habits[name]
	}
	if match := similar(name, flags); match != "" {
		return fmt.Sprintf("did you mean --%s?", match)
	}
	return habits[text.Closest(name, slices.Sorted(maps.Keys(habits)))]
}

// habitsOf returns the hints for a command by flag.
func habitsOf(command string) map[string]string {
	hints := map[string]string{}
	for _, h := range flagHabits {
		if h.commands != "" && !slices.Contains(strings.Split(h.commands, ", "), command) {
			continue
		}
		for _, f := range strings.Fields(h.flags) {
			if hints[f] == "" {
				hints[f] = h.hint
			}
		}
	}
	return hints
}

// similar returns the known word that word misspells or begins.
func similar(word string, known []string) string {
	if match := text.Closest(word, known); match != "" {
		return match
	}
	longer := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return !strings.HasPrefix(k, word) })
	if len(word) < 3 || len(longer) != 1 {
		return ""
	}
	return longer[0]
}

// usageHint is like usageError with a hint.
func usageHint(cmd *cobra.Command, message, hint string) error {
	if hint != "" {
		message += "\n  " + hint
	}
	return usageError(cmd, message)
}

// checkTags returns an error for platforms with -t, which is --target in pack.
func checkTags(tags []string) error {
	for _, tag := range tags {
		os, _, _ := strings.Cut(tag, "/")
		if os != "linux" && os != "windows" {
			continue
		}
		if _, err := platform.ParseTarget(tag); err == nil {
			return diag.WithHint(diag.Invalidf("--tag %s is a platform", tag), "use --target "+tag)
		}
	}
	return nil
}
