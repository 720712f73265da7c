package cliplugin

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/pipeline"
)

type indexCreateOptions struct {
	indexOptions
	release                releaseOptions
	sources, tags, outputs []string
	platforms, annotations []string
	placed                 []string
	flatten                bool
	noAttestations         bool
}

func newIndexCreateCmd(a *app, run func(context.Context, *app, indexCreateOptions) error) *cobra.Command {
	var opts indexCreateOptions
	cmd := &cobra.Command{
		Use:   "create [OPTIONS] SOURCE...",
		Short: "Create an index of existing images",
		Long: "Create an index of existing images and publish it under tags, or write it to files.\n" +
			"A source is a reference, by tag or digest, a .cnb file or an OCI layout directory.\n" +
			"It contains one image or an index, whose images are added with their attestations.\n" +
			"If an index does not specify the platform of an image, that of its config is used.\n\n" +
			"A single index is copied unchanged. Several sources become an OCI index with the\n" +
			"annotations that are equal in all indexes among them.",
		Example: `  docker extpack index create -t acme/curl:1.0 acme/curl:1.0-amd64 acme/curl:1.0-arm64
  docker extpack index create -t acme/curl:1.0 curl-amd64.cnb ./layout acme/curl@sha256:…
  docker extpack index create -o curl.cnb --platform acme/old:1=linux/arm/v6 acme/old:1 acme/curl:1.0
  docker extpack index create --dry-run --media-types docker acme/curl:1.0`,
		Args: minArgs(1, "one or more sources"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(opts.tags)+len(opts.outputs) == 0 && !opts.dryRun {
				return usageHint(cmd, "no destination was given", "use --tag or --output, or --dry-run to see the index")
			}
			opts.sources = args
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeSources,
	}
	opts.bind(cmd)
	f := cmd.Flags()
	opts.release.bind(f)
	f.StringArrayVarP(&opts.tags, "tag", "t", nil, "Reference to publish to")
	f.StringArrayVarP(&opts.outputs, "output", "o", nil, `Write to a package file ("FILE.cnb"), one for each platform ("FILE-{{.OS}}-{{.Arch}}{{.Variant}}.cnb"), or an OCI layout directory ("DIR/"); under any name with "type=oci,dest=FILE"`)
	f.StringArrayVar(&opts.platforms, "platform", nil, `Platform of a source that does not specify one ("SOURCE=os/arch[/variant]")`)
	f.StringArrayVar(&opts.annotations, "index-annotation", nil, `Add an annotation to the index ("KEY=VALUE")`)
	f.StringArrayVar(&opts.placed, "annotation", nil, annotationUsage)
	f.BoolVar(&opts.flatten, "flatten", true, "List the images of a source that is an index, instead of the index itself")
	f.BoolVar(&opts.noAttestations, "no-attestations", false, "Leave out the attestations of the sources")
	completeFiles(cmd, "output")
	return cmd
}

func runIndexCreate(ctx context.Context, a *app, opts indexCreateOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		req, err := opts.request(a)
		if err != nil {
			return err
		}
		return opts.edit(ctx, a, req)
	})
}

func (o *indexCreateOptions) request(a *app) (index.Request, error) {
	options, err := o.options(a)
	if err != nil {
		return index.Request{}, err
	}
	options.Release = o.release.guard(options.Client, a.log(false))
	c := &index.Creation{
		Client: options.Client, Sources: o.sources,
		Read: index.ReadOptions{Nested: !o.flatten, NoAttestations: o.noAttestations},
	}
	if c.Annotations, err = annotation.KeyValues("--index-annotation", o.annotations); err != nil {
		return index.Request{}, err
	}
	if c.Read.Platforms, err = index.ParsePlatforms(o.platforms, o.sources); err != nil {
		return index.Request{}, err
	}
	list, err := annotation.Parse("--annotation", o.placed)
	if err != nil {
		return index.Request{}, err
	}
	req := index.Request{
		Options: options, Reads: o.sources,
		Change: func(ctx context.Context, staging *index.Staging, x *index.Index) (*index.Index, error) {
			made, err := c.Change(ctx, staging, x)
			if err != nil {
				return nil, err
			}
			return made, annotate.Apply(ctx, staging, made, list)
		},
	}
	req.Outputs, err = pipeline.IndexOutputs(o.tags, o.outputs)
	return req, err
}
