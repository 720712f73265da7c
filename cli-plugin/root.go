package cliplugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/workspace"
)

// pluginName is the word after "docker".
const pluginName = "extpack"

const rootShort = "Build and publish buildpacks image extensions for several platforms"

func newRootCmd(dockerCLI command.Cli, name string) *cobra.Command {
	a := &app{cli: dockerCLI}
	cmd := newGroup(name, rootShort,
		"Build image extensions of Cloud Native Buildpacks with buildx, verify them, and\n"+
			"publish every platform under one tag.",
		newBuildCmd(a, runBuild),
		newAnnotateCmd(a, runAnnotate),
		newBakeCmd(a, runBake),
		newBuilderCmd(a),
		newIndexCmd(a),
		newInitCmd(a, runInit),
		newInspectCmd(a, runInspect),
		newLintCmd(a, runLint),
		newPackageCmd(a, runPackage),
		newRegisterCmd(a, runRegister),
		newRunImageCmd(a, runRunImage),
		newTestCmd(a, runTest),
		newVerifyCmd(a, runVerify),
		newVersionCmd(a),
	)
	a.root = cmd
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetFlagErrorFunc(flagError)
	cmd.Version = versionLine()
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.Flags().BoolP("version", "v", false, "Show the version")
	cmd.Flags().Lookup("version").Hidden = true // there is a command; the flag is for convenience
	return cmd
}

// Documented returns the commands for documentation, which do not run.
func Documented() *cobra.Command {
	root := newRootCmd(nil, pluginName)
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "docker " + pluginName}
	root.DisableAutoGenTag = true // it contains the date
	disableFlagsInUseLine(root)
	return root
}

// Standalone returns the commands by the name of the binary, for completions.
func Standalone() *cobra.Command { return newRootCmd(nil, "docker-"+pluginName) }

// newGroup returns a command that only has commands below it, and help on them.
func newGroup(name, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   name + " COMMAND",
		Short: short,
		Long:  long,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
		SuggestionsMinimumDistance: 2, // cobra's default, which it sets too late
	}
	cmd.AddCommand(commands...)
	help := newHelpCmd()
	cmd.SetHelpCommand(help)
	cmd.AddCommand(help)
	return cmd
}

// newHelpCmd returns the help command of a group: cobra only adds one to the
// root command, which is docker's for a plugin.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show help for a command",
		// Help does not need the docker configuration, which may be invalid.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, args []string) error {
			group := cmd.Parent()
			about, rest, err := group.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknownCommand(about, rest[0])
			}
			return about.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			about, _, err := cmd.Parent().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range about.Commands() {
				if c.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// usageError returns an error that ends with the usage of cmd. Its exit code is
// 125, as in docker commands.
func usageError(cmd *cobra.Command, message string) error {
	return cli.FlagErrorFunc(cmd, errors.New(message))
}

// exclusive returns an error for mutually exclusive flags. cobra's own check
// has no exit code.
func exclusive(cmd *cobra.Command, names ...string) error {
	var set []string
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			set = append(set, "--"+name)
		}
	}
	if len(set) < 2 {
		return nil
	}
	return usageError(cmd, strings.Join(set, " and ")+" cannot be used together")
}

// atMostOne is cobra.MaximumNArgs(1) with docker's exit code for wrong usage.
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= 1 {
			return nil
		}
		return usageError(cmd, fmt.Sprintf("%q takes at most %s, got %d", cmd.CommandPath(), what, len(args)))
	}
}

// exactArgs is cobra.ExactArgs with docker's exit code for wrong usage.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usageError(cmd, fmt.Sprintf("%q takes %s, got %d", cmd.CommandPath(), what, len(args)))
	}
}

// dirs returns the extension directories in the arguments, with those of
// workspaces. It returns an error for an empty argument, which results from an
// empty variable.
func dirs(cmd *cobra.Command, args []string) ([]string, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	if i := slices.Index(args, ""); i >= 0 {
		return nil, usageError(cmd, fmt.Sprintf("argument %d is empty: name the directory of an extension", i+1))
	}
	return workspace.Dirs(args)
}

// completeDirs completes folder names.
func completeDirs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
