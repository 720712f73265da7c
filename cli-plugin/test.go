package cliplugin

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/daemon"
	"github.com/extpack/extpack/internal/emulation"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/suite"
)

type testOptions struct {
	names   []string
	targets []string
	images  exttest.With
	cases   string
	only    string
	format  string
	builder string
	stage   stageOptions
	grants  grantOptions

	keep string

	update, allPlatforms, noCache, insecure, quiet, watch bool
}

func newTestCmd(a *app, run func(context.Context, *app, testOptions) error) *cobra.Command {
	var opts testOptions
	cmd := &cobra.Command{
		Use:   "test [OPTIONS] [DIR|REFERENCE|FILE.cnb...]",
		Short: "Run the test cases of extensions",
		Long: "Run the test cases of extensions (default \".\") on all of their platforms. For each\n" +
			"case, the lifecycle of a builder image runs detect and generate on an application,\n" +
			"the generated Dockerfiles are applied to the build and the run image, and the result\n" +
			"is compared with what the case expects. Everything runs in the builder, and nothing\n" +
			"is published. The exit code is 2 if a case fails.\n\n" +
			"Test cases are TOML files in the directory tests of an extension, such as\n" +
			"tests/curl.toml. They never enter a package.",
		Example: `  docker extpack test --builder-image paketobuildpacks/builder-jammy-base
  docker extpack test ./extensions/* --target linux/amd64
  docker extpack test --update --case curl
  docker extpack test --format junit > report.xml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.names, err = dirs(cmd, args); err != nil {
				return err
			}
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.images.BuilderImage, "builder-image", "", "Builder image, which provides the build image, the lifecycle and the name of the run image, instead of the descriptor's")
	f.StringVar(&opts.images.BuildImage, "build-image", "", "Build image, instead of the builder image")
	f.StringVar(&opts.images.RunImage, "run-image", "", "Run image, instead of the builder image's")
	f.StringVar(&opts.images.Lifecycle, "lifecycle", "", "Image with the lifecycle, instead of the builder image's")
	f.StringArrayVar(&opts.targets, "target", nil, `Test only on this platform ("os/arch[/variant]")`)
	f.BoolVar(&opts.allPlatforms, "all-platforms", false, "Fail if a platform cannot be tested")
	f.StringVar(&opts.cases, "cases", "", "Directory of the test cases, relative to the extension, or to the working directory for packages")
	f.StringVar(&opts.only, "case", "", "Run only the cases whose names match this regular expression")
	f.BoolVar(&opts.update, "update", false, "Write golden files instead of comparing them")
	f.StringVar(&opts.keep, "keep", "", "Keep what each case produced in this new directory: generated files, application, output, images")
	f.StringVar(&opts.format, "format", "text", `Format output ("text", "json", "junit", "github")`)
	f.StringVar(&opts.builder, "builder", "", builderUsage)
	f.BoolVar(&opts.noCache, "no-cache", false, noCacheUsage)
	f.BoolVar(&opts.insecure, "insecure", false, insecureUsage)
	f.BoolVar(&opts.watch, "watch", false, "Run affected cases again when files change, until interrupted")
	f.BoolVarP(&opts.quiet, "quiet", "q", false, "Print failures only")
	opts.stage.bind(f)
	opts.grants.bind(f)
	complete(cmd, "format", "text", "json", "junit", "github")
	complete(cmd, "network", extension.Networks()...)
	completeFiles(cmd, "cases")
	completeFiles(cmd, "keep")
	register(cmd, "builder", completeBuilders)
	register(cmd, "target", completePlatforms)
	return cmd
}

func runTest(ctx context.Context, a *app, opts testOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		print, err := testPrinter(opts.format, opts.quiet)
		if err != nil {
			return err
		}
		if opts.keep != "" {
			if err := exttest.CheckKeep(opts.keep); err != nil {
				return err
			}
		}
		temp, err := scratch.New()
		if err != nil {
			return err
		}
		defer temp.Remove()
		cases, err := opts.suite(a, temp.Path, a.log(opts.quiet))
		if err != nil {
			return err
		}
		show := func(results []exttest.Result) error {
			if err := print(a.cli.Out(), results); err != nil {
				return fmt.Errorf("printing the result: %w", err)
			}
			return exttest.Verdict(results, opts.allPlatforms)
		}
		if opts.watch {
			return cases.Watch(ctx, show, func(err error) { report(a.cli.Err(), err) })
		}
		results, err := cases.Run(ctx)
		if err != nil {
			return err
		}
		return show(results)
	})
}

// suite returns the cases of the flags. dir is for packages.
func (o *testOptions) suite(a *app, dir string, log func(string, ...any)) (*suite.Suite, error) {
	platforms, err := platform.ParsePlatforms(o.targets)
	if err != nil {
		return nil, err
	}
	run := buildxOptions{}
	run.Builder, run.NoCache, run.Allow = o.builder, o.noCache, grants.ForBuildx(o.grants.allow)
	engine, err := run.engine(a, o.quiet)
	if err != nil {
		return nil, err
	}
	builder := &emulation.Builder{Client: engine.Client, Name: o.builder}
	return suite.New(suite.Request{
		Names: o.names, With: o.images, Cases: o.cases, Only: o.only, Platforms: platforms, Update: o.update, Keep: o.keep,
		Plan: func(ctx context.Context, dir string) (*plan.Plan, error) {
			plans := planOptions{dirs: []string{dir}, stage: o.stage, grants: o.grants}
			return plans.plan(ctx, a, nil, nil)
		},
		Builder: engine, Support: builder.Support, Client: a.registry(o.insecure, log, nil),
		Docker: func() daemon.Source { return a.cli.Client() }, Dir: dir, Log: log,
	})
}

func testPrinter(format string, quiet bool) (func(io.Writer, []exttest.Result) error, error) {
	switch format {
	case "text":
		return func(w io.Writer, r []exttest.Result) error { return printTestText(w, r, quiet) }, nil
	case "json":
		return printTestJSON, nil
	case "junit":
		return printTestJUnit, nil
	case "github":
		return printTestGitHub, nil
	}
	return nil, choice.Check("--format", format, "text", "json", "junit", "github")
}
