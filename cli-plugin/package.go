package cliplugin

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/packcli"
	"github.com/extpack/extpack/internal/text"
)

type packageOptions struct {
	packcli.Command
	noColor bool
}

func newPackageCmd(a *app, run func(context.Context, *app, packageOptions) error) *cobra.Command {
	var opts packageOptions
	cmd := &cobra.Command{
		Use:   "package [OPTIONS] NAME",
		Short: `Build an image extension with the command line of "pack extension package"`,
		Long: "Do what \"pack extension package\" does with the same arguments and flags, and\n" +
			"print the \"docker extpack build\" command that does the same.\n\n" +
			"Every target is published under one tag, at once. With --format file and several\n" +
			"targets, NAME-os-arch.cnb is written for each.",
		Example: `  docker extpack package registry.example.com/acme/my-extension:1.2.3 --path ./my-extension --publish
  docker extpack package my-extension.cnb --config ./package.toml --format file --target linux/amd64 --target linux/arm64`,
		Args: exactArgs(1, "one argument, the name of an image or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Name = args[0]
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
	f := cmd.Flags()
	f.StringVarP(&opts.Config, "config", "c", "", "Path to a package.toml")
	f.StringVarP(&opts.Path, "path", "p", "", "Path to the extension")
	f.StringVarP(&opts.Format, "format", "f", "", `Write an image or files ("image", "file")`)
	f.BoolVar(&opts.Publish, "publish", false, "Publish to the registry instead of the Docker Engine")
	f.StringSliceVarP(&opts.Targets, "target", "t", nil, `Build for these instead of the descriptor's targets ("os/arch[/variant][:distro@version[;distro@version]]"), repeatable or separated by commas`)
	f.StringSliceVar(&opts.Tags, "tag", nil, "Further tags, repeatable or separated by commas")
	f.StringVar(&opts.PullPolicy, "pull-policy", "", `Only checked, as packaging pulls no image ("always", "if-not-present", "never")`)
	f.BoolVarP(&opts.Quiet, "quiet", "q", false, "Print nothing but the result")
	f.BoolVarP(&opts.Verbose, "verbose", "v", false, "Show more output")
	f.BoolVar(&opts.noColor, "no-color", false, "Disable color output")
	completeFiles(cmd, "config")
	register(cmd, "path", completeDirs)
	complete(cmd, "format", packcli.FormatImage, packcli.FormatFile)
	complete(cmd, "pull-policy", packcli.PullPolicies...)
	register(cmd, "target", completePlatforms)
	return cmd
}

func runPackage(ctx context.Context, a *app, opts packageOptions) error {
	if opts.noColor {
		if err := os.Setenv("NO_COLOR", "1"); err != nil {
			return err
		}
	}
	var archives archives
	defer archives.remove()
	opts.Unpack = archives.unpack
	line, err := opts.Translate(ctx)
	if err != nil {
		return err
	}
	for _, note := range line.Notes {
		fmt.Fprintln(a.cli.Err(), "warning: "+text.Line(note))
	}
	if !opts.Quiet {
		fmt.Fprintln(a.cli.Err(), "the same as: "+text.Line(line.String()))
	}
	build := newBuildCmd(a, runBuild)
	build.SetContext(ctx)
	if err := build.ParseFlags(line.Args); err != nil {
		return err
	}
	return build.RunE(build, build.Flags().Args())
}
