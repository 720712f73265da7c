package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/load"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/progress"
	"github.com/extpack/extpack/internal/remote"
	"github.com/extpack/extpack/internal/text"
	"github.com/extpack/extpack/internal/verify"
	"github.com/extpack/extpack/internal/workspace"
)

// planOptions are the flags of all commands that make a plan.
type planOptions struct {
	dirs    []string
	targets []string
	tags    []string
	version string
	git     gitOptions
	stage   stageOptions
	grants  grantOptions
	// compression is bound by commands that write packages.
	compression compressionOptions
	// unpack extracts archives that package.toml names. If it is nil, they are
	// not supported.
	unpack func(ctx context.Context, archive string) (string, error)
	// remotes fetches the sources among dirs that are not on this machine.
	remotes remote.Sources
	// pushes reports whether the command pushes to the tags.
	pushes bool
	// allowSecrets disables the warnings about secrets. allowMismatch permits
	// programs for another platform.
	allowSecrets, allowMismatch bool
	// keepGoing leaves extensions that are invalid out of the plan. leftOut is
	// what was found in them.
	keepGoing bool
	leftOut   error
}

func (o *planOptions) bind(f *pflag.FlagSet) {
	f.StringArrayVar(&o.targets, "target", nil, `Target to build for, instead of the descriptor's ("os/arch[/variant][:distro@version[,version]]")`)
	f.StringArrayVarP(&o.tags, "tag", "t", nil, `Reference to publish to; may contain {{.ID}}, {{.Slug}}, {{.Version}}, {{.Major}}, {{.Minor}} and {{.Patch}}`)
	f.StringVar(&o.version, "version", "", "Version of the extensions, instead of the descriptor's (X.Y.Z)")
	o.git.bind(f)
	f.BoolVar(&o.allowSecrets, "allow-secrets", false, "Do not warn about keys, tokens and large files in a package")
}

// plan returns the plan and prints its warnings.
func (o *planOptions) plan(ctx context.Context, a *app, labels, annotations []string) (*plan.Plan, error) {
	if err := checkTags(o.tags); err != nil {
		return nil, err
	}
	opts := plan.Options{Tags: o.tags, Push: o.pushes, Unpack: o.unpack, Defaults: workspace.DefaultsOf, KeepGoing: o.keepGoing}
	if o.version != "" {
		version, err := extension.ParseVersion(o.version)
		if err != nil {
			return nil, err
		}
		opts.Version = version
	}
	if err := o.git.apply(&opts); err != nil {
		return nil, err
	}
	for _, s := range o.targets {
		t, err := platform.ParseTarget(s)
		if err != nil {
			return nil, err
		}
		opts.Targets = append(opts.Targets, t)
	}
	o.compression.apply(&opts)
	err := o.stage.apply(&opts)
	if err != nil {
		return nil, err
	}
	if opts.Grants, err = o.grants.set(a); err != nil {
		return nil, err
	}
	if opts.Labels, err = annotation.Labels("--label", labels); err != nil {
		return nil, err
	}
	if opts.Annotations, err = annotation.Parse("--annotation", annotations); err == nil {
		err = opts.Annotations.CheckReserved("--annotation")
	}
	if err != nil {
		return nil, err
	}
	p, leftOut, err := load.Plan(ctx, load.Request{
		Dirs: o.dirs, Sources: &o.remotes, Options: opts,
		Lint: lint.BuildOptions{AllowSecrets: o.allowSecrets, AllowMismatch: o.allowMismatch},
		Warn: func(list diag.List) { printDiagnostics(a.cli.Err(), list) },
	})
	o.leftOut = leftOut
	return p, err
}

// printUnnamed prints which platform packages without specified platforms get,
// and how to build an index.
func printUnnamed(w io.Writer, p *plan.Plan) {
	for _, e := range p.Extensions {
		switch {
		case e.AnyPlatform():
			fmt.Fprintf(w, "%s: no file depends on a platform, so the package is one image for any platform; for an index, %s\n", e.Descriptor.Info, plan.NamePlatforms)
		case e.BuildersPlatform():
			fmt.Fprintf(w, "%s: the build stage is built only for the platform of the builder, so at least one of %s is missing; for an index, %s\n",
				e.Descriptor.Info, strings.Join(verify.Expected(), " and "), plan.NamePlatforms)
		}
	}
}

func printDiagnostics(w io.Writer, list diag.List) {
	for i, d := range list {
		fmt.Fprintln(w, text.Clean(d.String()))
		if d.Hint != "" && (i+1 == len(list) || list[i+1].Hint != d.Hint) {
			fmt.Fprintln(w, "  "+text.Clean(d.Hint))
		}
	}
}

// buildxOptions are flags that are passed to buildx.
type buildxOptions struct{ bake.RunOptions }

func (o *buildxOptions) bind(f *pflag.FlagSet) {
	f.StringVar(&o.Builder, "builder", "", builderUsage)
	f.StringArrayVar(&o.Set, "set", nil, `Override a value of the bake file ("TARGET.KEY=VALUE")`)
	f.BoolVar(&o.NoCache, "no-cache", false, noCacheUsage)
	f.StringVar(&o.Progress, "progress", "", `Set type of progress output ("auto", "plain", "tty", "rawjson", "quiet")`)
}

// check returns an error for values that buildx would reject.
func (o *buildxOptions) check() error {
	if err := errors.Join(bake.CheckProgress(o.Progress), bake.CheckSet(o.Set)); err != nil {
		return err
	}
	if progress.Mode(o.Progress) == "tty" && !term.IsTerminal(int(os.Stderr.Fd())) {
		return diag.WithHint(diag.Invalidf("--progress tty: standard error is not a terminal"), "use plain, or auto for either")
	}
	return nil
}

func (o *buildxOptions) engine(a *app, quiet bool) (*bake.Engine, error) {
	warn := func(message string) { fmt.Fprintln(a.cli.Err(), "warning: "+text.Clean(message)) }
	client, err := a.buildx(warn)
	if err != nil {
		return nil, err
	}
	run := o.RunOptions
	run.Quiet = quiet
	run.Stderr = os.Stderr // buildx draws on the terminal
	if progress.Mode(o.Progress) == progress.JSON {
		run.Stderr = a.cli.Err()
	}
	return &bake.Engine{Client: client, Options: run}, nil
}

func (o *buildOptions) annotateOptions() (annotate.Options, error) {
	created, err := plan.SourceDate()
	opts := annotate.Options{Created: created, Single: o.single}
	switch o.mediaTypes {
	case "oci":
	case "docker":
		opts.Docker = true
	default:
		return opts, choice.Check("--media-types", o.mediaTypes, "oci", "docker")
	}
	return opts, err
}

// complete registers completions for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	register(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeFiles completes files and folders.
func completeFiles(cmd *cobra.Command, flag string) {
	register(cmd, flag, cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault))
}

func register(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag does not exist
	}
}
