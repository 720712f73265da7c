package cliplugin

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/inspect"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/text"
)

type inspectOptions struct {
	name          string
	format        string
	raw, insecure bool
}

func newInspectCmd(a *app, run func(context.Context, *app, inspectOptions) error) *cobra.Command {
	var opts inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] REFERENCE|FILE.cnb|DIR",
		Short: "Show what is in a package",
		Long: "Show what a package says about itself: its extension, platforms and annotations.\n" +
			"The package is a .cnb file or an OCI layout directory when there is one of that\n" +
			"name, and else a reference into a registry.",
		Example: `  docker extpack inspect samples_curl-0.0.1.cnb
  docker extpack inspect --format '{{.Digest}}' registry.example.com/acme/my-extension:1.2.3
  docker extpack inspect --raw ./layout`,
		Args: exactArgs(1, "one reference, package file or OCI layout directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := exclusive(cmd, "format", "raw"); err != nil {
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
	f.StringVar(&opts.format, "format", "", formatUsage)
	f.BoolVar(&opts.raw, "raw", false, "Print the index or manifest as it is stored")
	f.BoolVar(&opts.insecure, "insecure", false, "Allow plain HTTP and unverified certificates for the registry")
	complete(cmd, "format", "json")
	return cmd
}

func runInspect(ctx context.Context, a *app, opts inspectOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		print, err := formatter(opts.format)
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
		report, err := inspect.Package(ctx, src, src.Name, src.Root)
		if err != nil {
			return err
		}
		if print != nil {
			return print(a.cli.Out(), report)
		}
		return printReport(a.cli.Out(), report)
	})
}

func printReport(out io.Writer, r *inspect.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s:\t%s\n", name, text.Line(value))
		}
	}
	field("Name", r.Name)
	field("MediaType", r.MediaType)
	field("Digest", r.Digest.String())
	if e := r.Extension; e != nil {
		field("Extension", e.ID)
		field("Version", e.Version)
		field("API", e.API)
		field("Title", e.Name)
		field("Homepage", e.Homepage)
		field("Description", e.Description)
	} else {
		field("Extension", "none: no image has the labels of an extension package")
	}
	if len(r.Annotations) > 0 {
		fmt.Fprintf(w, "\nAnnotations:\n")
		for _, key := range slices.Sorted(maps.Keys(r.Annotations)) {
			fmt.Fprintf(w, "  %s:\t%s\n", text.Line(key), text.Line(r.Annotations[key]))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printPlatforms(out, r)
}

func printPlatforms(out io.Writer, r *inspect.Report) error {
	if len(r.Platforms) == 0 {
		_, err := fmt.Fprintln(out, "\nno images")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "\nPLATFORM\tDIGEST\tSIZE\tLAYERS\n")
	for _, p := range r.Platforms {
		name := p.Identity().String()
		if p.Platform == extension.AnyPlatform {
			name = "any platform"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", text.Line(name), p.Digest, text.Size(p.Size), p.Layers)
	}
	if r.Attestations > 0 {
		fmt.Fprintf(w, "\n%s\n", text.Count(r.Attestations, "attestation manifest"))
	}
	return w.Flush()
}
