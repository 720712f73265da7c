package cliplugin

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/builder"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/doctor"
	"github.com/extpack/extpack/internal/format"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/version"
)

type builderDoctorOptions struct {
	planOptions
	builder         string
	format          string
	smoke           string
	insecure, quiet bool
}

func newBuilderDoctorCmd(a *app, run func(context.Context, *app, builderDoctorOptions) error) *cobra.Command {
	var opts builderDoctorOptions
	cmd := &cobra.Command{
		Use:   "doctor [OPTIONS] [DIR...]",
		Short: "Check whether the next build will work",
		Long: "Check everything that a build of the image extensions in the given directories\n" +
			"(default \".\") needs: docker CLI and engine, buildx, the builder and its nodes, the\n" +
			"platforms they can run, the registries, and the disk and clock of this machine. A\n" +
			"tiny image is built, and a push is started and cancelled. Nothing is written except\n" +
			"a little build cache. The exit code is 2 if a build would fail.\n\n" +
			"A builder has 5 seconds to respond (20 with a buildx older than 0.32), and one node\n" +
			"of several has 10.",
		Example: `  docker extpack builder doctor
  docker extpack builder doctor ./my-extension -t registry.example.com/acme/my-extension:1.2.3
  docker extpack builder doctor --builder team --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.dirs, err = dirs(cmd, args); err != nil {
				return err
			}
			if len(args) == 0 && !doctor.HasExtension(".") {
				opts.dirs = nil
			}
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeDirs,
	}
	f := cmd.Flags()
	opts.planOptions.bind(f)
	f.StringVar(&opts.builder, "builder", "", builderUsage)
	f.StringVar(&opts.format, "format", "", format.Usage)
	f.BoolVar(&opts.insecure, "insecure", false, insecureUsage)
	f.BoolVarP(&opts.quiet, "quiet", "q", false, "Print errors only")
	f.StringVar(&opts.smoke, "smoke", "", "Check also what \"build --smoke\" needs to run programs in this image")
	complete(cmd, "format", "json")
	register(cmd, "builder", completeBuilders)
	register(cmd, "target", completePlatforms)
	register(cmd, "smoke", cobra.NoFileCompletions)
	return cmd
}

func runBuilderDoctor(ctx context.Context, a *app, opts builderDoctorOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		print, err := format.Printer(opts.format)
		if err != nil {
			return err
		}
		subject, err := opts.subject(ctx, a)
		if err != nil {
			return err
		}
		report, err := doctor.Examine(ctx, *subject)
		if err != nil {
			return err
		}
		if print != nil {
			err = print(a.cli.Out(), report)
		} else {
			err = printDiagnosis(screen.Of(a.cli.Out()), report, opts.quiet)
		}
		if err != nil {
			return fmt.Errorf("printing the result: %w", err)
		}
		if report.Count(doctor.Error) > 0 {
			return diag.Invalidf("%s", report.Summary())
		}
		return nil
	})
}

func (o *builderDoctorOptions) subject(ctx context.Context, a *app) (*doctor.Subject, error) {
	if o.smoke != "" {
		if _, err := registry.ParseReference(o.smoke); err != nil {
			return nil, fmt.Errorf("--smoke: %w", err)
		}
	}
	plugin, _ := version.Get()
	p := &doctor.Subject{
		Plugin: plugin, Builder: o.builder, Temp: os.TempDir(), Free: doctor.FreeSpace,
		// Retries would only delay the report.
		Registry: a.registry(o.insecure, nil, nil),
	}
	p.StateDir, p.StateErr = builder.StateDir()
	p.NoExtension = len(o.dirs) == 0
	env, err := buildx.DockerEnviron(a.cli, a.root.Root())
	if err != nil {
		return nil, err
	}
	p.Docker = doctor.FindDocker(buildx.Environ(env))
	buildx, err := a.buildx(func(message string) { p.BuildxWarning = message })
	if err != nil {
		p.BuildxErr = err
	} else {
		p.Buildx, p.Path, p.Version = buildx, buildx.Path, buildx.Version
		if name := buildx.Selected(); p.Builder == "" && name != "" {
			p.Builder, p.BuilderFrom = name, "BUILDX_BUILDER"
		}
	}
	if len(o.dirs) == 0 {
		return p, nil
	}
	made, err := o.plan(ctx, a, nil, nil)
	if err != nil {
		p.ExtensionErr = err
		return p, context.Cause(ctx)
	}
	for _, e := range made.Extensions {
		p.Add(e, bake.Asked(e), o.smoke)
	}
	return p, nil
}

// printDiagnosis prints a line for each check, with its fix below.
func printDiagnosis(s *screen.Screen, r *doctor.Report, quiet bool) error {
	table := screen.Table{Headers: []string{"STATE", "CHECK", "FINDING"}, Fold: true}
	var fixes []string
	for _, c := range r.Checks {
		if quiet && c.State != doctor.Error {
			continue
		}
		name, message, state := c.Name, c.Message, string(c.State)
		if c.Subject != "" {
			name, message = c.Name+" "+c.Subject, c.Subject+": "+c.Message
		}
		table.Add(screen.Cell{Text: state, Style: severityStyles[state]}, screen.Cell{Text: c.Name}, screen.Cell{Text: message})
		if c.Fix != "" {
			fixes = append(fixes, name+": "+c.Fix)
		}
	}
	if table.Len() > 0 {
		if err := table.Print(s); err != nil {
			return err
		}
	}
	if len(fixes) > 0 {
		fmt.Fprintln(s)
	}
	for _, fix := range fixes {
		if err := s.Paragraph(screen.Style{}, fix); err != nil {
			return err
		}
	}
	if quiet || r.Count(doctor.Error) > 0 {
		return nil
	}
	fmt.Fprintln(s)
	return s.Paragraph(screen.Green, r.Summary())
}
