package cliplugin

import (
	"cmp"
	"context"
	"fmt"
	"regexp"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/daemon"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/emulation"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/source"
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
		Long: "Run the test cases of extensions (default \".\"), on every platform that they have:\n" +
			"an application goes in, the lifecycle of a builder image runs detect and generate,\n" +
			"the Dockerfiles that generate wrote are applied to the build and the run image, and\n" +
			"the result is compared with what the case says. Everything runs in the builder, and\n" +
			"nothing is published. The exit code is 2 when a case fails.\n\n" +
			"Cases are in the folder tests of an extension, in files such as tests/curl.toml.\n" +
			"They never enter a package.",
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
	f.StringVar(&opts.images.BuilderImage, "builder-image", "", "Builder image: build image, lifecycle, and name of the run image (default: that of the descriptor)")
	f.StringVar(&opts.images.BuildImage, "build-image", "", "Build image, instead of the builder image")
	f.StringVar(&opts.images.RunImage, "run-image", "", "Run image, instead of the one that the builder image names")
	f.StringVar(&opts.images.Lifecycle, "lifecycle", "", "Image with the lifecycle, instead of the builder image's")
	f.StringArrayVar(&opts.targets, "target", nil, `Test on these platforms only ("os/arch[/variant]")`)
	f.BoolVar(&opts.allPlatforms, "all-platforms", false, "Fail if a platform cannot be tested")
	f.StringVar(&opts.cases, "cases", "", "Folder with the test cases, relative to the extension, or to the working directory for packages")
	f.StringVar(&opts.only, "case", "", "Run the cases whose names match this regular expression")
	f.BoolVar(&opts.update, "update", false, "Write golden files instead of comparing them")
	f.StringVar(&opts.keep, "keep", "", "Write what each case made to this new directory: generated files, application, output, images")
	f.StringVar(&opts.format, "format", "text", `Format output ("text", "json", "junit", "github")`)
	f.StringVar(&opts.builder, "builder", "", "Override the configured buildx builder")
	f.BoolVar(&opts.noCache, "no-cache", false, "Do not use cache")
	f.BoolVar(&opts.insecure, "insecure", false, "Allow plain HTTP and unverified certificates for registries")
	f.BoolVar(&opts.watch, "watch", false, "Run the cases that a change of files touches again, until interrupted")
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
		t, err := newTester(a, &opts, temp.Path)
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
			return t.watch(ctx, show)
		}
		results, err := t.run(ctx, nil)
		if err != nil {
			return err
		}
		return show(results)
	})
}

// tester packages extensions and runs their cases.
type tester struct {
	app    *app
	opts   *testOptions
	dir    string // for packages
	client *registry.Client
	only   *regexp.Regexp
	engine *bake.Engine
	made   map[string]*exttest.Subject // of directories that cases name
	dirs   int
	nodes  []buildx.Node // of the builder, once they are known
	local  daemon.Saver
	log    func(string, ...any)
}

func newTester(a *app, opts *testOptions, dir string) (*tester, error) {
	t := &tester{app: a, opts: opts, dir: dir, client: a.registry(opts.insecure, a.log(opts.quiet), nil), made: map[string]*exttest.Subject{}, log: a.log(opts.quiet)}
	t.local = daemon.Saver{API: func() daemon.Source { return a.cli.Client() }, NewDir: t.newDir, Log: func(format string, args ...any) { t.log(format, args...) }}
	var err error
	if t.only, err = regexp.Compile(opts.only); err != nil {
		return nil, diag.Invalidf("--case: %v", err)
	}
	run := buildxOptions{}
	run.Builder, run.NoCache, run.Allow = opts.builder, opts.noCache, opts.grants.forBuildx()
	t.engine, err = run.engine(a, opts.quiet)
	return t, err
}

// run runs the cases, or those that changed files touch if there are any.
func (t *tester) run(ctx context.Context, changed []string) ([]exttest.Result, error) {
	found, read := 0, 0
	var all []*exttest.Subject
	for _, name := range t.opts.names {
		if len(changed) > 0 && source.IsExtension(name) && !exttest.TouchesDir(name, changed) {
			continue
		}
		one, before, err := t.subject(ctx, name, changed)
		if err != nil {
			return nil, err
		}
		found, read = found+len(one.Cases), read+before
		all = append(all, one)
	}
	switch {
	case found > 0:
		return t.test(ctx, all)
	case len(changed) > 0:
		return nil, nil
	case read > 0:
		return nil, diag.Invalidf("--case %q: no case has such a name", t.opts.only)
	}
	return nil, diag.WithHint(diag.Invalidf("there are no test cases in %s", cmp.Or(t.opts.cases, extension.DefaultTests)), `write one to tests/NAME.toml: [[case]], name = "…"; see docs/guides/test.md`)
}

// test runs the cases of packages.
func (t *tester) test(ctx context.Context, all []*exttest.Subject) ([]exttest.Result, error) {
	platforms, err := parsePlatforms(t.opts.targets)
	if err != nil {
		return nil, err
	}
	return exttest.Run(ctx, exttest.Request{
		Subjects: all, With: t.opts.images, Platforms: platforms, Update: t.opts.update, Keep: t.opts.keep, Images: runimage.Registry(t.client),
		Builder: t.engine, Support: t.support, Extension: t.beside, Local: t.local.Layout, Log: t.log,
	})
}

// support returns whether the builder emulates a platform, and if it has to, why
// that cannot be relied on.
func (t *tester) support(ctx context.Context, p v1.Platform) (emulated bool, reason string, err error) {
	if t.nodes == nil {
		list, err := buildx.List(ctx, t.engine.Client)
		if err != nil {
			return false, "", err
		}
		if found := buildx.Find(list, cmp.Or(t.opts.builder, t.engine.Selected())); found != nil {
			t.nodes = found.Nodes
		}
	}
	if len(t.nodes) == 0 || buildx.IsNative(p, t.nodes) {
		return false, "", nil
	}
	support, err := emulation.Probe(ctx, t.engine.Client, t.opts.builder, p)
	return true, support.Reason(p), err
}
