package cliplugin

import (
	"context"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

type indexAnnotateOptions struct {
	indexOptions
	reference, platform           string
	os, arch, variant, osVersion  string
	osFeatures                    []string
	annotations, indexAnnotations []string
	change                        index.PlatformChange
	named, ofEntry                annotation.List // with a place, and without
	ofIndex                       map[string]string
}

func newIndexAnnotateCmd(a *app, run func(context.Context, *app, indexAnnotateOptions) error) *cobra.Command {
	var opts indexAnnotateOptions
	cmd := &cobra.Command{
		Use:   "annotate [OPTIONS] REFERENCE|FILE.cnb|DIR [PLATFORM]",
		Short: "Change how a published index describes its images",
		Long: "Change the platform or the annotations of an image's entry in the index, or the\n" +
			"annotations of the index itself. The images do not change. The platform is named as\n" +
			"in \"docker extpack index remove\".",
		Example: `  docker extpack index annotate acme/curl:1.0 linux/arm --variant v6
  docker extpack index annotate acme/curl:1.0 windows/amd64 --os-version 10.0.20348.2700
  docker extpack index annotate acme/curl:1.0 --index-annotation org.opencontainers.image.source=https://example.com`,
		Args: minArgs(1, "an index and one platform"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.reference = args[0]
			if len(args) > 2 {
				return exactArgs(2, "an index and one platform")(cmd, args)
			}
			if len(args) == 2 {
				opts.platform = args[1]
			}
			if err := opts.check(cmd); err != nil {
				return err
			}
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeSources,
	}
	opts.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&opts.os, "os", "", "Operating system of the image")
	f.StringVar(&opts.arch, "arch", "", "Architecture of the image")
	f.StringVar(&opts.variant, "variant", "", "Variant of the architecture")
	f.StringVar(&opts.osVersion, "os-version", "", "Version of the operating system")
	f.StringSliceVar(&opts.osFeatures, "os-features", nil, "Features of the operating system that the image needs")
	f.StringArrayVar(&opts.annotations, "annotation", nil, `Add an annotation to the image's entry ("KEY=VALUE"), or elsewhere as in buildx ("manifest[linux/amd64]:KEY=VALUE")`)
	f.StringArrayVar(&opts.indexAnnotations, "index-annotation", nil, `Add an annotation to the index ("KEY=VALUE")`)
	complete(cmd, "os", extension.KnownOS()...)
	complete(cmd, "arch", extension.KnownArch()...)
	return cmd
}

// check determines which parts of the platform to change, where an empty value
// removes a part, and validates the flags.
func (o *indexAnnotateOptions) check(cmd *cobra.Command) error {
	flags := cmd.Flags()
	list, err := annotation.Parse("--annotation", o.annotations)
	if err != nil {
		return err
	}
	o.named, o.ofEntry = annotate.Explicit(list)
	if o.ofIndex, err = annotation.KeyValues("--index-annotation", o.indexAnnotations); err != nil {
		return err
	}
	ofImage := len(o.ofEntry) > 0 || flags.Changed("os-features")
	given := func(name string, value *string) *string {
		if !flags.Changed(name) {
			return nil
		}
		ofImage = true
		return value
	}
	o.change = index.PlatformChange{
		OS: given("os", &o.os), Architecture: given("arch", &o.arch),
		Variant: given("variant", &o.variant), OSVersion: given("os-version", &o.osVersion), OSFeatures: o.osFeatures,
	}
	switch {
	case ofImage && o.platform == "":
		return usageHint(cmd, "no platform was given", "name it after the index, or use --index-annotation for the index itself")
	case !ofImage && o.platform != "":
		return usageHint(cmd, "no change to "+o.platform+" was given", "use --variant, --os-version, --annotation or another of the image's flags")
	case !ofImage && len(o.named) == 0 && !flags.Changed("index-annotation") && !flags.Changed("media-types"):
		return usageHint(cmd, "no change was given", "use --index-annotation or --media-types, or name a platform and what to change about it")
	}
	return nil
}

func runIndexAnnotate(ctx context.Context, a *app, opts indexAnnotateOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		ofImage := opts.ofEntry.At(annotation.Index, platform.Identity{}) // without a place, they are for the entry
		edits, err := opts.options(a)
		if err != nil {
			return err
		}
		var told sync.Once // the change may be repeated
		return opts.edit(ctx, a, index.Request{
			Options: edits, Source: opts.reference,
			Change: func(ctx context.Context, o *index.Staging, x *index.Index) (*index.Index, error) {
				if opts.platform != "" {
					note, err := x.AnnotateEntry(opts.platform, opts.change, ofImage)
					if err != nil {
						return nil, err
					}
					if note != "" {
						told.Do(func() { fmt.Fprintln(a.cli.Err(), text.Clean(note)) })
					}
				}
				if err := x.Annotate(opts.ofIndex); err != nil {
					return nil, err
				}
				return x, annotate.Apply(ctx, o, x, opts.named)
			},
		})
	})
}
