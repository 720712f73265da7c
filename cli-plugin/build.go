package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/engine"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/progress"
	"github.com/extpack/extpack/internal/remote"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/workspace"
)

type buildOptions struct {
	bars *progress.Progress
	planOptions
	buildxOptions
	attestOptions
	destinationOptions
	labels, annotations   []string
	mediaTypes            string
	metadataFile          string
	smoke, builderImage   string
	test                  bool
	testDir               string // for packages of other extensions
	engineName            string
	quiet, dryRun, single bool
	force, skipOthers     bool
}

func newBuildCmd(a *app, run func(context.Context, *app, buildOptions) error) *cobra.Command {
	var opts buildOptions
	cmd := &cobra.Command{
		Use:   "build [OPTIONS] [DIR|URL...]",
		Short: "Build, verify and publish image extensions",
		Long: "Build the image extensions in the given directories (default \".\") for all of\n" +
			"their targets, verify the result, and publish it under one tag, load it into the\n" +
			"Docker Engine, or write it to a .cnb file or an OCI layout directory.\n\n" +
			"A URL is that of an archive, or of a Git repository followed by \"#REF:DIR\": a\n" +
			"branch, tag or commit, and a directory. As in local directories, secrets, variables\n" +
			"and files of this machine require a grant.\n\n" +
			"If extpack.toml in a directory has a [workspace] table, its members are built.",
		Example: `  docker extpack build
  docker extpack build ./my-extension --push -t registry.example.com/acme/my-extension:1.2.3
  docker extpack build ./extensions/* --push -t 'registry.example.com/acme/{{.Slug}}:{{.Version}}'
  docker extpack build https://github.com/acme/extensions.git#v1.2.3:curl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProgress(a.cli, opts.Progress, func() (err error) {
				if opts.skipOthers {
					if args, err = workspace.WithoutOthers(args); err != nil {
						return err
					}
				}
				if opts.dirs, err = dirs(cmd, args); err != nil {
					return err
				}
				if opts.smoke == "" && cmd.Flags().Changed("smoke") {
					return diag.WithHint(diag.Invalidf("--smoke requires an image"), "name an image, such as a builder image")
				}
				return run(cmd.Context(), a, opts)
			})
		},
		ValidArgsFunction: completeDirs,
	}
	f := cmd.Flags()
	opts.planOptions.bind(f)
	opts.git.bindOrigin(f)
	f.BoolVar(&opts.git.allowDirty, "allow-dirty", false, `Allow pushing files that differ from the Git commit, with the revision "…-dirty"`)
	opts.stage.bind(f)
	opts.grants.bind(f)
	opts.buildxOptions.bind(f)
	opts.attestOptions.bind(f)
	opts.destinationOptions.bind(f)
	f.StringArrayVar(&opts.labels, "label", nil, `Add a label to every image ("KEY=VALUE")`)
	f.StringArrayVar(&opts.annotations, "annotation", nil, annotationUsage)
	f.StringVar(&opts.mediaTypes, "media-types", "oci", `Media types of index, manifests and layers ("oci", "docker")`)
	opts.compression.bind(f)
	f.StringVar(&opts.metadataFile, "metadata-file", "", "Write build result metadata to a JSON file")
	f.BoolVarP(&opts.quiet, "quiet", "q", false, "Print only the result")
	f.StringVar(&opts.engineName, "engine", engine.Auto, `What assembles the images: "buildx", "embedded" (no daemon needed), or "auto" (buildx where a builder responds, else embedded if nothing needs a builder and none is named)`)
	f.BoolVar(&opts.force, "force", false, "Build and publish even what is already published")
	f.BoolVar(&opts.dryRun, "dry-run", false, "Print what would be built and published, and exit")
	f.BoolVar(&opts.single, "single", false, "Publish one platform as an image without an index")
	f.BoolVar(&opts.keepGoing, "keep-going", false, "Publish the extensions that pass even if others fail")
	f.BoolVar(&opts.allowMismatch, "allow-platform-mismatch", false, "Allow executables that are built for another platform")
	f.BoolVar(&opts.skipOthers, "skip-others", false, "Skip arguments that are not extensions, such as other files that match a pattern")
	f.StringVar(&opts.smoke, "smoke", "", "Run bin/detect and bin/generate of each platform in this image before publishing")
	f.BoolVar(&opts.test, "test", false, "Run the test cases of each extension before publishing (see docker extpack test)")
	f.StringVar(&opts.builderImage, "builder-image", "", "Builder image for --test, instead of the descriptor's")
	completeFiles(cmd, "metadata-file")
	completeFiles(cmd, "output")
	complete(cmd, "engine", engine.Names...)
	complete(cmd, "media-types", "oci", "docker")
	complete(cmd, "compression", layer.Compressions...)
	complete(cmd, "network", extension.Networks()...)
	complete(cmd, "progress", bake.ProgressModes...)
	complete(cmd, "provenance", "true", "false", "mode=min", "mode=max")
	complete(cmd, "sbom", "true", "false")
	register(cmd, "builder", completeBuilders)
	register(cmd, "target", completePlatforms)
	complete(cmd, "version-from", "git")
	return cmd
}

func runBuild(ctx context.Context, a *app, opts buildOptions) error {
	return interruptible(ctx, func(ctx context.Context) (err error) {
		// Findings in extensions that are not built, after everything else.
		defer func() { err = errors.Join(err, opts.leftOut) }()
		opts.bars = progress.New(a.cli.Err(), progress.Mode(opts.Progress), opts.quiet)
		defer opts.bars.Close()
		var folders remote.Folders
		defer folders.Remove()
		opts.remotes = remote.Sources{Folder: folders.New, Log: a.log(opts.quiet)}
		opts.unpack = folders.ExtractFor(&opts.remotes)
		run, err := opts.prepare(ctx, a)
		if err != nil {
			return err
		}
		if !opts.quiet {
			printUnnamed(a.cli.Err(), run.plan)
		}
		missing := opts.remotes.Explain(run.engine.Missing(run.plan))
		if opts.dryRun {
			return errors.Join(opts.printPlan(ctx, a, run), missing)
		}
		if missing != nil {
			return missing
		}
		if err := run.plan.SettleSources(); err != nil {
			return err
		}
		// Fail before a build without a destination.
		if opts.load {
			if err := run.daemon.Connect(ctx); err != nil {
				return err
			}
		}
		if err := pipeline.Preflight(ctx, run.plan, run.places); err != nil {
			return err
		}
		if opts.test {
			temp, err := scratch.New()
			if err != nil {
				return err
			}
			defer temp.Remove()
			opts.testDir = temp.Path
		}
		run.options.Try = opts.tryAll(a, opts.testDir)
		results, err := pipeline.Run(ctx, run.plan, run.engine.Choose(), run.options)
		opts.bars.Close()
		recordErr := errors.Join(printWritten(a.cli.Out(), references(results)), opts.record(ctx, results, err))
		switch {
		case err != nil && ctx.Err() != nil:
			return errors.Join(interrupted(err, results), recordErr)
		case (err != nil || opts.leftOut != nil) && len(results) > 0 && opts.keepGoing:
			fmt.Fprintf(a.cli.Err(), "published the extensions that passed (--keep-going): %s\n", names(results))
		case err == nil && recordErr == nil:
			opts.summary(screen.Stderr(a.cli.Err()), results)
		}
		return errors.Join(err, recordErr)
	})
}

// record writes the metadata file for everything that was published, even if
// the run failed later.
func (o *buildOptions) record(ctx context.Context, results []pipeline.Result, err error) error {
	if o.metadataFile == "" || err != nil && len(results) == 0 {
		return nil
	}
	return pipeline.WriteMetadata(ctx, o.metadataFile, results)
}

func names(results []pipeline.Result) string {
	all := make([]string, len(results))
	for i, r := range results {
		all[i] = r.Extension.Descriptor.Info.String()
	}
	return strings.Join(all, ", ")
}

// references returns what was written of all results.
func references(results []pipeline.Result) []string {
	var all []string
	for _, r := range results {
		all = append(all, r.References...)
	}
	return all
}

// interrupted returns what an interrupted build has done.
func interrupted(err error, results []pipeline.Result) error {
	told := interruption(err)
	switch {
	case told != errInterrupted: //nolint:errorlint // that one itself
		return told
	case len(results) > 0:
		return fmt.Errorf("%w: only what is listed on standard output was published or written", errInterrupted)
	}
	return fmt.Errorf("%w: no tag was moved", errInterrupted)
}
