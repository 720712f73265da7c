package cliplugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/packcli"
	"github.com/extpack/extpack/internal/remote"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/text"
)

type packageOptions struct {
	packcli.Command
	noColor, forceColor bool
}

func newPackageCmd(a *app, run func(context.Context, *app, packageOptions) error) *cobra.Command {
	var opts packageOptions
	cmd := &cobra.Command{
		Use:   "package [OPTIONS] NAME",
		Short: `Build an image extension with the command line of "pack extension package"`,
		Long: "Do what \"pack extension package\" does with the same arguments and flags, and\n" +
			"print the equivalent \"docker extpack build\" command.\n\n" +
			"All targets are published together, under one tag. With --format file and several\n" +
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
	f.StringVarP(&opts.Format, "format", "f", "", `Format of the package ("image", "file")`)
	f.BoolVar(&opts.Publish, "publish", false, "Publish to the registry instead of the Docker Engine")
	f.StringSliceVarP(&opts.Targets, "target", "t", nil, `Target to build for, instead of the descriptor's ("os/arch[/variant][:distro@version[;distro@version]]"), repeatable or separated by commas`)
	f.StringSliceVar(&opts.Tags, "tag", nil, "Additional tags, repeatable or separated by commas")
	f.StringVar(&opts.PullPolicy, "pull-policy", "", `Accepted for compatibility: packaging pulls no image ("always", "if-not-present", "never")`)
	f.BoolVarP(&opts.Quiet, "quiet", "q", false, "Print only the result")
	f.BoolVarP(&opts.Verbose, "verbose", "v", false, "Show more output")
	f.BoolVar(&opts.noColor, "no-color", false, "Disable color output")
	f.BoolVar(&opts.forceColor, "force-color", false, "Force color output")
	f.BoolVar(&opts.Timestamps, "timestamps", false, "Enable timestamps in output")
	completeFiles(cmd, "config")
	register(cmd, "path", completeDirs)
	complete(cmd, "format", packcli.FormatImage, packcli.FormatFile)
	complete(cmd, "pull-policy", packcli.PullPolicies...)
	register(cmd, "target", completePlatforms)
	return cmd
}

func runPackage(ctx context.Context, a *app, opts packageOptions) error {
	if err := opts.setColor(a.cli); err != nil {
		return err
	}
	if !opts.Timestamps {
		return packageExtension(ctx, a, opts)
	}
	failed := func(reported string) []byte { return stampLine([]byte(reported)) }
	return withLines(a.cli, stampLine, failed, func() error { return packageExtension(ctx, a, opts) })
}

// setColor sets the environment of [screen.Stderr]. --force-color has priority,
// as with pack.
func (o packageOptions) setColor(cli command.Cli) error {
	switch {
	case o.forceColor:
		if err := errors.Join(os.Unsetenv("NO_COLOR"), os.Setenv("FORCE_COLOR", "1")); err != nil {
			return err
		}
		return setErrorStream(cli, screen.Stderr(cli.Err()).Story())
	case o.noColor:
		return os.Setenv("NO_COLOR", "1")
	}
	return nil
}

// stampLine adds the time to a line, in the form of pack.
func stampLine(line []byte) []byte {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return nil
	}
	return fmt.Appendf(nil, "%s %s\n", time.Now().Format("2006/01/02 15:04:05.000000"), line)
}

func packageExtension(ctx context.Context, a *app, opts packageOptions) error {
	var folders remote.Folders
	defer folders.Remove()
	opts.Unpack = folders.Extract
	line, err := opts.Translate(ctx)
	if err != nil {
		return err
	}
	for _, note := range line.Notes {
		fmt.Fprintln(a.cli.Err(), "warning: "+text.Line(note))
	}
	if !opts.Quiet {
		fmt.Fprintln(a.cli.Err(), "equivalent to: "+text.Line(line.String()))
	}
	build := newBuildCmd(a, runBuild)
	build.SetContext(ctx)
	if err := build.ParseFlags(line.Args); err != nil {
		return err
	}
	return build.RunE(build, build.Flags().Args())
}
