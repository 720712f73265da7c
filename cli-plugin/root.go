package main

import (
	"fmt"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newRootCmd(dockerCLI command.Cli, name string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   name,
		Short: "Build and publish buildpacks image extensions for several platforms",
		Long: "Build image extensions of Cloud Native Buildpacks with buildx, verify them, and\n" +
			"publish every platform under one tag.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	cmd.SetFlagErrorFunc(cli.FlagErrorFunc)
	cmd.AddCommand(
		newBuildCmd(dockerCLI, runBuild),
		newBakeCmd(dockerCLI, runBake),
		newInspectCmd(dockerCLI, runInspect),
		newVersionCmd(dockerCLI),
	)
	return cmd
}

func unknownCommand(cmd *cobra.Command, name string) error {
	message := fmt.Sprintf("unknown command %q for %q", name, cmd.CommandPath())
	if s := cmd.SuggestionsFor(name); len(s) > 0 {
		message += fmt.Sprintf(" (did you mean %q?)", s[0])
	}
	return usageError(cmd, message)
}

// usageError is the error of someone who needs the help text: exit code 125 as
// in every docker command.
func usageError(cmd *cobra.Command, message string) error {
	return cli.FlagErrorFunc(cmd, fmt.Errorf("%s", message))
}

// exactArgs is cobra.ExactArgs with docker's exit code for wrong usage.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usageError(cmd, fmt.Sprintf("%q takes %s, got %d arguments", cmd.CommandPath(), what, len(args)))
	}
}

// dirs gives the extension directories named by the arguments.
func dirs(args []string) []string {
	if len(args) == 0 {
		return []string{"."}
	}
	return args
}

// completeDirs has the shell complete folder names.
func completeDirs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
