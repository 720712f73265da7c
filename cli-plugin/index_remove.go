package cliplugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/text"
)

type indexRemoveOptions struct {
	indexOptions
	reference string
	platforms []string
}

func newIndexRemoveCmd(a *app, run func(context.Context, *app, indexRemoveOptions) error) *cobra.Command {
	var opts indexRemoveOptions
	cmd := &cobra.Command{
		Use:     "remove [OPTIONS] REFERENCE|FILE.cnb|DIR PLATFORM...",
		Aliases: []string{"rm"},
		Short:   "Remove platforms from a published index",
		Long: "Remove images, with their attestations, from the index that a tag points to. A\n" +
			"platform is os/arch[/variant][:distro@version], as \"docker extpack inspect\" lists it,\n" +
			"or the digest of an image. Parts that are not needed to tell images apart can be\n" +
			"left out.",
		Example: `  docker extpack index remove acme/curl:1.0 linux/arm/v7
  docker extpack index remove acme/curl:1.0 linux/amd64:ubuntu@22.04`,
		Args: minArgs(2, "an index and one or more platforms"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.reference, opts.platforms = args[0], args[1:]
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeSources,
	}
	opts.bind(cmd)
	return cmd
}

func runIndexRemove(ctx context.Context, a *app, opts indexRemoveOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		edits, err := opts.options(a)
		if err != nil {
			return err
		}
		told := false
		return opts.edit(ctx, a, index.Request{
			Options: edits, Source: opts.reference,
			Change: func(_ context.Context, _ *index.Staging, x *index.Index) (*index.Index, error) {
				notes, err := x.RemoveAll(opts.platforms)
				for _, note := range notes {
					if !told { // not what an earlier attempt of this run has removed
						fmt.Fprintln(a.cli.Err(), text.Clean(note))
					}
				}
				told = true
				return x, err
			},
		})
	})
}
