package cliplugin

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/format"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/screen"
)

type runImageOptions struct {
	name        string
	platforms   []string
	extensions  []string
	dockerfiles []string
	format      string
	insecure    bool
	whole       bool
}

func newRunImageCmd(a *app, run func(context.Context, *app, runImageOptions) error) *cobra.Command {
	var opts runImageOptions
	cmd := &cobra.Command{
		Use:   "run-image [OPTIONS] [REFERENCE|FILE.cnb|DIR]",
		Short: "Show the run image of each platform",
		Long: "Resolve a run image for every platform, or for those of --platform, by os,\n" +
			"architecture and variant. Nested indexes are followed, and attestations skipped. An\n" +
			"image that is missing, has no layers or contradicts its index is an error.\n\n" +
			"With --extension, the static run.Dockerfiles of an extension are read, and their\n" +
			"base images are resolved for every target of the extension.",
		Example: `  docker extpack run-image registry.example.com/acme/run:noble
  docker extpack run-image --platform linux/arm64 --format '{{range .Images}}{{.Name}}@{{.Digest}}{{end}}' acme/run:noble
  docker extpack run-image --extension ./extensions/curl`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && len(opts.extensions)+len(opts.dockerfiles) > 0 {
				return nil
			}
			return exactArgs(1, "one run image unless there is --extension or --dockerfile")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if opts.name = args[0]; opts.name == "" {
					return usageError(cmd, "the argument is empty: name a run image")
				}
			}
			if len(opts.extensions) > 0 {
				if _, err := dirs(cmd, opts.extensions); err != nil {
					return err
				}
			}
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&opts.platforms, "platform", nil, `Resolve for these platforms, instead of all or the targets of the extension ("os/arch[/variant]")`)
	f.StringArrayVar(&opts.extensions, "extension", nil, "Check the static run.Dockerfiles of the extension in this directory, for every target")
	f.StringArrayVar(&opts.dockerfiles, "dockerfile", nil, "Check this run.Dockerfile, for every target")
	f.StringVar(&opts.format, "format", "", format.Usage)
	f.BoolVar(&opts.whole, "no-trunc", false, noTruncUsage)
	f.BoolVar(&opts.insecure, "insecure", false, insecureUsage)
	complete(cmd, "format", "json")
	completeFiles(cmd, "dockerfile")
	register(cmd, "platform", completePlatforms)
	if err := cmd.MarkFlagDirname("extension"); err != nil {
		panic(err) // the flag does not exist
	}
	return cmd
}

func runRunImage(ctx context.Context, a *app, opts runImageOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		print, err := format.Printer(opts.format)
		if err != nil {
			return err
		}
		request := runimage.Request{Name: opts.name, Extensions: opts.extensions, Dockerfiles: opts.dockerfiles}
		if request.Platforms, err = platform.ParsePlatforms(opts.platforms); err != nil {
			return err
		}
		log := a.log(false)
		client := a.registry(opts.insecure, log, nil)
		report, checkErr := runimage.Check(ctx, runimage.Registry(client), request)
		if ctx.Err() != nil {
			return checkErr
		}
		printDiagnostics(a.cli.Err(), report.Warnings)
		// Print the report even if there are problems.
		if print == nil {
			print = func(w io.Writer, _ any) error {
				p := runImagePrinter{screen.Of(w), opts.whole}
				return p.report(report)
			}
		}
		if err := print(a.cli.Out(), report); err != nil {
			return err
		}
		return checkErr
	})
}
