package cliplugin

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/index"
)

type indexAddOptions struct {
	indexOptions
	reference      string
	sources        []string
	platforms      []string
	replace        bool
	noAttestations bool
}

func newIndexAddCmd(a *app, run func(context.Context, *app, indexAddOptions) error) *cobra.Command {
	var opts indexAddOptions
	cmd := &cobra.Command{
		Use:   "add [OPTIONS] REFERENCE|FILE.cnb|DIR SOURCE...",
		Short: "Add platforms to a published index",
		Long: "Add the images of the sources, with their attestations, to the index that a tag\n" +
			"points to, or to that of a package file or OCI layout directory. Sources are named\n" +
			"as in \"docker extpack index create\". Layers that the registry already has are not\n" +
			"copied.",
		Example: `  docker extpack index add acme/curl:1.0 acme/curl:1.0-riscv64
  docker extpack index add --replace acme/curl:1.0 curl-arm64.cnb`,
		Args: minArgs(2, "an index and one or more sources"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.reference, opts.sources = args[0], args[1:]
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeSources,
	}
	opts.bind(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&opts.platforms, "platform", nil, `Platform of a source that does not specify one ("SOURCE=os/arch[/variant]")`)
	f.BoolVar(&opts.replace, "replace", false, "Replace platforms that are already in the index")
	f.BoolVar(&opts.noAttestations, "no-attestations", false, "Leave out the attestations of the sources")
	return cmd
}

func runIndexAdd(ctx context.Context, a *app, opts indexAddOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		platforms, err := index.ParsePlatforms(opts.platforms, opts.sources)
		if err != nil {
			return err
		}
		edits, err := opts.options(a)
		if err != nil {
			return err
		}
		addition := index.Addition{
			Client: edits.Client, Sources: opts.sources, Replace: opts.replace,
			Read: index.ReadOptions{Platforms: platforms, NoAttestations: opts.noAttestations},
		}
		return opts.edit(ctx, a, index.Request{
			Options: edits, Source: opts.reference, Reads: opts.sources, Change: addition.Change,
		})
	})
}
