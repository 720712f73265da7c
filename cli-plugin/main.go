// Package cliplugin implements the commands of the docker CLI plugin "docker
// extpack", one file each: they convert flags to a request, and print the
// result. The binary, which can also run standalone, is in folder
// docker-extpack.
package cliplugin

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"

	"github.com/extpack/extpack/internal/heap"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/version"
)

// Main runs the plugin with the arguments of the process, and returns its exit
// code.
func Main() int {
	// If PWD contains a symbolic link, Go and buildx resolve ".." differently
	// from the operating system. Without PWD, they agree.
	_ = os.Unsetenv("PWD")
	heap.Tune()
	// The docker CLI's library would print a message about missing telemetry.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	// net/http logs errors that it also returns, or has recovered from.
	log.SetOutput(io.Discard)
	dockerCLI, err := command.NewDockerCli()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	if err := command.WithErrorStream(screen.Stderr(dockerCLI.Err()).Story())(dockerCLI); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	if plugin.RunningStandalone() {
		err = runStandalone(dockerCLI)
	} else {
		err = runPlugin(dockerCLI)
	}
	return report(dockerCLI.Err(), err)
}

func runPlugin(dockerCLI *command.DockerCli) error {
	v, _ := version.Get()
	root := &cobra.Command{Use: pluginName, Short: rootShort}
	if len(os.Args) != 2 || os.Args[1] != metadata.MetadataSubcommandName { // which docker asks for before many commands
		root = newRootCmd(dockerCLI, pluginName)
	}
	err := plugin.RunPlugin(dockerCLI, root, metadata.Metadata{
		SchemaVersion:    "0.1.0",
		Vendor:           "docker extpack authors",
		Version:          v,
		ShortDescription: root.Short,
	})
	return earlyFlagError(root, err)
}

func runStandalone(dockerCLI *command.DockerCli) error {
	root := newRootCmd(dockerCLI, filepath.Base(os.Args[0]))
	likePlugin(root)
	root.SetIn(dockerCLI.In())
	root.SetOut(dockerCLI.Out())
	root.SetErr(dockerCLI.Err())
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		return dockerCLI.Initialize(flags.NewClientOptions())
	}
	return earlyFlagError(root, root.ExecuteContext(context.Background()))
}

// likePlugin makes root print and complete like a plugin of docker.
func likePlugin(root *cobra.Command) {
	docker := &cobra.Command{}
	cli.SetupPluginRootCommand(docker)
	root.SetUsageTemplate(docker.UsageTemplate())
	root.SetHelpTemplate(docker.HelpTemplate())
	root.PersistentFlags().BoolP("help", "h", false, "Print usage")
	root.PersistentFlags().Lookup("help").Hidden = true
	root.SilenceUsage, root.SilenceErrors = true, true
	root.TraverseChildren = true
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	disableFlagsInUseLine(root)
}

// disableFlagsInUseLine keeps cobra from adding "[flags]" to usage lines that
// say [OPTIONS], as docker's plugin runner does for plugins.
func disableFlagsInUseLine(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	for _, c := range cmd.Commands() {
		disableFlagsInUseLine(c)
	}
}
