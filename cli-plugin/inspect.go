package cliplugin

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/format"
	"github.com/extpack/extpack/internal/inspect"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/source"
)

type inspectOptions struct {
	name          string
	format        string
	raw, insecure bool
	files, whole  bool
}

func newInspectCmd(a *app, run func(context.Context, *app, inspectOptions) error) *cobra.Command {
	var opts inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] REFERENCE|FILE.cnb|DIR",
		Short: "Show details of a package",
		Long: "Show the extension, platforms and annotations of a package, and with --files the\n" +
			"files of each platform. \"--format mermaid\" draws the index, its images and their\n" +
			"layers as a flowchart, which code hosts show in Markdown files.\n\n" +
			"The argument names a .cnb file or an OCI layout directory if one of that name\n" +
			"exists, and otherwise a reference in a registry.",
		Example: `  docker extpack inspect samples_curl-0.0.1.cnb
  docker extpack inspect --format '{{.Digest}}' registry.example.com/acme/my-extension:1.2.3
  docker extpack inspect --files ./layout
  docker extpack inspect --raw ./layout`,
		Args: exactArgs(1, "one reference, package file or OCI layout directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(exclusive(cmd, "format", "raw"), exclusive(cmd, "files", "raw")); err != nil {
				return err
			}
			opts.name = args[0]
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opts.files, "files", false, "List the files of each platform; reads the layers")
	f.StringVar(&opts.format, "format", "", `Format output: "json", "mermaid" or a Go template`)
	f.BoolVar(&opts.whole, "no-trunc", false, noTruncUsage)
	f.BoolVar(&opts.raw, "raw", false, "Print the index or manifest as it is stored")
	f.BoolVar(&opts.insecure, "insecure", false, insecureUsage)
	complete(cmd, "format", "json", formatMermaid)
	return cmd
}

func runInspect(ctx context.Context, a *app, opts inspectOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		print, err := opts.printer()
		if err != nil {
			return err
		}
		log := a.log(false)
		src, err := source.Open(ctx, a.registry(opts.insecure, log, nil), opts.name)
		if err != nil {
			return err
		}
		defer src.Close()
		if opts.raw {
			raw, err := oci.ReadBytes(ctx, src, src.Root, oci.MaxManifestSize)
			if err == nil {
				_, err = a.cli.Out().Write(raw)
			}
			return err
		}
		src.Prefetch(ctx, true, false)
		report, err := inspect.Package(ctx, src, src.Name, src.Root)
		if err != nil {
			return err
		}
		if opts.files {
			if err := report.ReadFiles(ctx, src); err != nil {
				return err
			}
		}
		return print(a.cli.Out(), report)
	})
}

// formatMermaid is the value of --format for a flowchart.
const formatMermaid = "mermaid"

func (o *inspectOptions) printer() (func(io.Writer, *inspect.Report) error, error) {
	if o.format == formatMermaid {
		if o.files {
			return nil, diag.WithHint(diag.Invalidf("--format mermaid does not include files"), "leave out --files")
		}
		return func(w io.Writer, r *inspect.Report) error { return r.Mermaid(w) }, nil
	}
	print, err := format.Printer(o.format)
	switch {
	case err != nil:
		return nil, err
	case print != nil:
		return func(w io.Writer, r *inspect.Report) error { return print(w, r) }, nil
	}
	return func(w io.Writer, r *inspect.Report) error { return printReport(screen.Of(w), r, o) }, nil
}
