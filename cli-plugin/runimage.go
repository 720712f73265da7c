package cliplugin

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/text"
)

type runImageOptions struct {
	name        string
	platforms   []string
	extensions  []string
	dockerfiles []string
	format      string
	insecure    bool
}

func newRunImageCmd(a *app, run func(context.Context, *app, runImageOptions) error) *cobra.Command {
	var opts runImageOptions
	cmd := &cobra.Command{
		Use:   "run-image [OPTIONS] [REFERENCE|FILE.cnb|DIR]",
		Short: "Show which run image each platform gets",
		Long: "Resolve a run image for every platform, or for those given: through indexes and\n" +
			"the indexes in them, past attestations, by os, architecture and variant. An image\n" +
			"that is missing, has no layers or contradicts its index is an error.\n\n" +
			"With --extension, the static run.Dockerfiles of an extension are read, and the\n" +
			"image that each starts from is resolved for every target of the extension.",
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
	f.StringSliceVar(&opts.platforms, "platform", nil, `Resolve for these platforms ("os/arch[/variant]") instead of all, or of the extension's targets`)
	f.StringArrayVar(&opts.extensions, "extension", nil, "Check the static run.Dockerfiles of the extension in this directory")
	f.StringArrayVar(&opts.dockerfiles, "dockerfile", nil, "Check this run.Dockerfile too, for every target")
	f.StringVar(&opts.format, "format", "", formatUsage)
	f.BoolVar(&opts.insecure, "insecure", false, "Allow plain HTTP and unverified certificates for registries")
	complete(cmd, "format", "json")
	completeFiles(cmd, "dockerfile")
	register(cmd, "platform", completePlatforms)
	if err := cmd.MarkFlagDirname("extension"); err != nil {
		panic(err) // the flag does not exist: a mistake in this file
	}
	return cmd
}

func runRunImage(ctx context.Context, a *app, opts runImageOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		print, err := formatter(opts.format)
		if err != nil {
			return err
		}
		request := runimage.Request{Name: opts.name, Extensions: opts.extensions, Dockerfiles: opts.dockerfiles}
		if request.Targets, err = parsePlatforms(opts.platforms); err != nil {
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
			print = printRunImages
		}
		if err := print(a.cli.Out(), report); err != nil {
			return err
		}
		return checkErr
	})
}

// parsePlatforms parses --platform. The error has all problems.
func parsePlatforms(list []string) ([]extension.Target, error) {
	var targets []extension.Target
	var problems diag.List
	for _, s := range list {
		t, err := platform.ParseTarget(s)
		switch {
		case err != nil:
			problems = append(problems, diag.Of(err)...)
		case len(t.Distros) > 0:
			problems.Errorf(diag.Position{}, "--platform %s names a distro, which images are not told apart by", s)
		default:
			targets = append(targets, t)
		}
	}
	return targets, problems.Err()
}

// printRunImages has a parameter of type any for [formatter].
func printRunImages(out io.Writer, v any) error {
	r := v.(*runimage.Report)
	gap := ""
	block := func(write func() error) error {
		_, err := io.WriteString(out, gap)
		gap = "\n"
		if err != nil {
			return err
		}
		return write()
	}
	if len(r.Images) > 0 {
		err := block(func() error {
			return printFields(out, []field{{"Name", r.Images[0].Name}, {"Index", r.Images[0].Index.String()}})
		})
		if err == nil {
			err = printImages(out, r.Images)
		}
		if err != nil {
			return err
		}
	}
	for _, d := range r.Dockerfiles {
		if err := block(func() error { return printDockerfile(out, d) }); err != nil {
			return err
		}
	}
	return nil
}

type field struct{ name, value string }

// printFields omits empty fields.
func printFields(out io.Writer, fields []field) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(w, "%s:\t%s\n", f.name, text.Line(f.value))
		}
	}
	return w.Flush()
}

func printDockerfile(out io.Writer, d runimage.Dockerfile) error {
	file := d.File
	if file == "" {
		file = "none: " + d.Note
	}
	fields := []field{{"Dockerfile", file}, {"Extension", d.Extension}, {"Targets", strings.Join(d.Targets, ", ")}}
	for _, from := range d.From {
		name := from.Image
		switch from.Kind {
		case runimage.FromBase:
			name += ": the build's own run image"
		case runimage.FromStage:
			name += ": an earlier stage"
		case runimage.FromScratch:
			name += ": no image"
		case runimage.FromUndecidable:
			name += ": not decidable: " + from.Reason
		}
		fields = append(fields, field{"FROM", name})
		if len(from.Images) > 0 {
			fields = append(fields, field{"Index", from.Images[0].Index.String()})
		}
	}
	if err := printFields(out, fields); err != nil {
		return err
	}
	for _, from := range d.From {
		if len(from.Images) > 0 {
			if err := printImages(out, from.Images); err != nil {
				return err
			}
		}
	}
	return nil
}

func printImages(out io.Writer, images []runimage.Image) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	targets := images[0].Target != ""
	fmt.Fprintln(w)
	if targets {
		fmt.Fprintf(w, "TARGET\t")
	}
	fmt.Fprintf(w, "PLATFORM\tDIGEST\tTOP LAYER\tCONFIG\tUSER\n")
	for _, i := range images {
		if targets {
			fmt.Fprintf(w, "%s\t", text.Line(i.Target))
		}
		user := i.Config.User
		if user == "" {
			user = "root"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", text.Line(i.Platform), i.Digest, i.TopLayer, text.Line(i.Config.Platform()), text.Line(user))
	}
	return w.Flush()
}
