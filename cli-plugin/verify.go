package cliplugin

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/format"
	"github.com/extpack/extpack/internal/sarif"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/text"
	"github.com/extpack/extpack/internal/verify"
	"github.com/extpack/extpack/internal/version"
)

type verifyOptions struct {
	name                              string
	format                            string
	noLayers, allowMismatch, insecure bool
	listChecks, quiet, whole          bool
}

func newVerifyCmd(a *app, run func(context.Context, *app, verifyOptions) error) *cobra.Command {
	var opts verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [OPTIONS] REFERENCE|FILE.cnb|DIR",
		Short: "Check that a package is valid",
		Long: "Run the checks on a package that \"docker extpack build\" runs before it publishes:\n" +
			"that the package is intact and has all of its platforms, labels and annotations, and\n" +
			"that its files are safe and built for their platform. The exit code is 2 if there is\n" +
			"an error, not if there are only warnings.\n\n" +
			"The argument names a .cnb file or an OCI layout directory if one of that name\n" +
			"exists, and otherwise a reference in a registry.",
		Example: `  docker extpack verify samples_curl-0.0.1.cnb
  docker extpack verify --no-layers registry.example.com/acme/my-extension:1.2.3
  docker extpack verify --format sarif ./layout > extpack.sarif
  docker extpack verify --list-checks`,
		Args: func(cmd *cobra.Command, args []string) error {
			if opts.listChecks {
				return exactArgs(0, "no argument with --list-checks")(cmd, args)
			}
			return exactArgs(1, "one reference, package file or OCI layout directory")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.name = args[0]
			}
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.format, "format", "table", `Format output ("table", "json", "sarif")`)
	f.BoolVar(&opts.whole, "no-trunc", false, noTruncUsage)
	f.BoolVar(&opts.noLayers, "no-layers", false, "Read only indexes, manifests and configs, and no layers")
	f.BoolVar(&opts.allowMismatch, "allow-platform-mismatch", false, "Allow executables that are built for another platform")
	f.BoolVar(&opts.insecure, "insecure", false, insecureUsage)
	f.BoolVar(&opts.listChecks, "list-checks", false, "List the checks and exit")
	f.BoolVarP(&opts.quiet, "quiet", "q", false, "Print errors only")
	complete(cmd, "format", "table", "json", "sarif")
	return cmd
}

func runVerify(ctx context.Context, a *app, opts verifyOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		if opts.listChecks {
			return printChecks(a.cli.Out(), opts.format)
		}
		print, err := opts.printer()
		if err != nil {
			return err
		}
		log := a.log(opts.quiet)
		src, err := source.Open(ctx, a.registry(opts.insecure, log, nil), opts.name)
		if err != nil {
			return err
		}
		defer src.Close()
		src.Prefetch(ctx, true, opts.noLayers)
		report, err := verify.Package(ctx, src, src.Name, src.Root, verify.Options{
			NoLayers: opts.noLayers, AllowPlatformMismatch: opts.allowMismatch, File: src.File, NestedFile: src.NestedFile,
		})
		if err != nil {
			return err
		}
		if err := print(a.cli.Out(), report); err != nil {
			return fmt.Errorf("printing the result: %w", err)
		}
		if n, _ := report.Count(); n > 0 {
			return diag.Invalidf("%s: %s", report.Name, countFindings(report))
		}
		return nil
	})
}

func (o *verifyOptions) printer() (func(io.Writer, *verify.Report) error, error) {
	switch o.format {
	case "table":
		return func(w io.Writer, r *verify.Report) error { return printFindings(screen.Of(w), r, o) }, nil
	case "json":
		return func(w io.Writer, r *verify.Report) error { return format.JSON(w, r) }, nil
	case "sarif":
		return printSARIF, nil
	}
	return nil, choice.Check("--format", o.format, "table", "json", "sarif")
}

func printChecks(out io.Writer, form string) error {
	switch form {
	case "json":
		return format.JSON(out, verify.Checks())
	case "table":
	default:
		return choice.Check("--list-checks: --format", form, "table", "json")
	}
	s := screen.Of(out)
	table := screen.Table{Headers: []string{"CHECK", "SEVERITY", "WHAT HOLDS"}, Fold: true}
	for _, c := range verify.Checks() {
		table.Add(screen.Cells(c.ID, string(c.Severity), c.Summary)...)
	}
	return table.Print(s)
}

// severityStyles are the styles of severities and of the states of checks.
var severityStyles = map[string]screen.Style{"error": screen.Red, "warning": screen.Yellow, "ok": screen.Green}

// printFindings prints findings with their hints and, if there are no errors, a
// summary. The number of errors is printed to standard error.
func printFindings(s *screen.Screen, r *verify.Report, opts *verifyOptions) error {
	table := screen.Table{Headers: []string{"SEVERITY", "CHECK", "PLATFORM", "FINDING"}, Fold: true}
	hints := map[string]string{}
	var hinted []string
	for _, f := range r.Findings {
		if opts.quiet && f.Severity != verify.Error {
			continue
		}
		if _, ok := hints[f.ID]; !ok {
			hints[f.ID] = f.Hint
			hinted = append(hinted, f.ID)
		}
		name := f.Platform
		if name == "" {
			name = "-"
		}
		severity := string(f.Severity)
		table.Add(screen.Cell{Text: severity, Style: severityStyles[severity]},
			screen.Cell{Text: f.ID}, screen.Cell{Text: name}, screen.Cell{Text: screen.Digests(f.Message, opts.whole || s.Width == 0)})
	}
	if table.Len() > 0 {
		if err := table.Print(s); err != nil {
			return err
		}
		fmt.Fprintln(s)
	}
	for _, id := range hinted {
		if hint := hints[id]; hint != "" {
			if err := s.Paragraph(screen.Style{}, id+": "+hint); err != nil {
				return err
			}
		}
	}
	if n, _ := r.Count(); n == 0 && !opts.quiet {
		return s.Paragraph(screen.Green, passed(r))
	}
	return nil
}

// passed returns a line that summarizes the checks.
func passed(r *verify.Report) string {
	what := "package"
	if r.Extension != nil {
		what = r.Extension.ID + "@" + r.Extension.Version
	}
	on := text.Count(len(r.Platforms), "platform")
	if len(r.Platforms) == 1 && r.Platforms[0].Platform == extension.AnyPlatformName {
		on = extension.AnyPlatformName
	}
	line := fmt.Sprintf("%s: %s passed %s on %s", r.Name, what, text.Count(len(r.Checks), "check"), on)
	if _, n := r.Count(); n > 0 {
		line += ", with " + countFindings(r)
	}
	if !r.Layers {
		line += "; layers were not read"
	}
	return text.Line(line)
}

// countFindings returns "2 errors, 1 warning".
func countFindings(r *verify.Report) string {
	errs, warnings := r.Count()
	var parts []string
	if errs > 0 {
		parts = append(parts, text.Count(errs, "error"))
	}
	if warnings > 0 {
		parts = append(parts, text.Count(warnings, "warning"))
	}
	return strings.Join(parts, ", ")
}

func printSARIF(w io.Writer, r *verify.Report) error {
	v, _ := version.Get()
	run := sarif.Run{Tool: "docker extpack", Version: v, URI: "https://github.com/extpack/extpack"}
	done := map[string]bool{}
	for _, id := range r.Checks {
		done[id] = true
	}
	for _, c := range verify.Checks() {
		if done[c.ID] {
			run.Rules = append(run.Rules, sarif.Rule{ID: c.ID, Summary: c.Summary, Help: c.Hint(), Level: sarif.Level(c.Severity)})
		}
	}
	uri := sarif.PackageURI(r.Name)
	for _, f := range r.Findings {
		run.Results = append(run.Results, sarif.Result{
			RuleID: f.ID, Level: sarif.Level(f.Severity), Message: f.Message, URI: uri,
			Inside: strings.TrimSpace(f.Platform + " " + f.Subject),
		})
	}
	return sarif.Write(w, run)
}
