package cliplugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/text"
)

type annotateOptions struct {
	indexOptions
	release             releaseOptions
	name                string
	tags, outputs       []string
	labels, annotations []string
}

func newAnnotateCmd(a *app, run func(context.Context, *app, annotateOptions) error) *cobra.Command {
	var opts annotateOptions
	cmd := &cobra.Command{
		Use:   "annotate [OPTIONS] REFERENCE|FILE.cnb|DIR",
		Short: "Complete an index that another tool built",
		Long: "Find the extension in the images of an index, and add the labels and annotations\n" +
			"of a package, as \"docker extpack build\" does. Everything else is preserved, such\n" +
			"as attestations and other annotations, and layers are not uploaded again. The\n" +
			"result replaces the index, or is written to --tag and --output.",
		Example: `  docker buildx bake --push
  docker extpack annotate registry.example.com/acme/my-extension:1.2.3`,
		Args: exactArgs(1, "one reference, package file or OCI layout directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.name = args[0]
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeSources,
	}
	opts.bind(cmd)
	f := cmd.Flags()
	opts.release.bind(f)
	f.StringArrayVarP(&opts.tags, "tag", "t", nil, "Reference to publish to, instead of the one that is read")
	f.StringArrayVarP(&opts.outputs, "output", "o", nil, `Write to a package file ("FILE.cnb") or an OCI layout directory ("DIR/") instead`)
	f.StringArrayVar(&opts.labels, "label", nil, `Add a label to every image ("KEY=VALUE")`)
	f.StringArrayVar(&opts.annotations, "annotation", nil, annotationUsage)
	completeFiles(cmd, "output")
	return cmd
}

func runAnnotate(ctx context.Context, a *app, opts annotateOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		var add annotate.Additions
		var err error
		if add.Labels, err = annotation.Labels("--label", opts.labels); err != nil {
			return err
		}
		list, err := annotation.Parse("--annotation", opts.annotations)
		if err == nil {
			err = list.CheckReserved("--annotation")
		}
		if err != nil {
			return err
		}
		told := false
		req := index.Request{
			Source: opts.name, Single: true, Configs: true,
			Change: func(ctx context.Context, o *index.Staging, x *index.Index) (*index.Index, error) {
				if images := x.Images(); len(images) == 1 && images[0].AnyPlatform() && !told {
					told = true
					fmt.Fprintf(a.cli.Err(), "%s is one image for any platform and remains one; for an index, build it with [[targets]] or --target\n", text.Line(opts.name))
				}
				if err := annotate.Complete(ctx, o, x, add); err != nil {
					return nil, err
				}
				return x, annotate.Apply(ctx, o, x, list)
			},
		}
		if req.Options, err = opts.options(a); err != nil {
			return err
		}
		if len(opts.tags) > 0 { // else the edit of a release is the purpose
			req.Release = opts.release.guard(req.Client, a.log(false))
		}
		if req.Outputs, err = pipeline.IndexOutputs(opts.tags, opts.outputs); err != nil {
			return err
		}
		return opts.edit(ctx, a, req)
	})
}
