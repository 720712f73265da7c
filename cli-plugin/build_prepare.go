package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/engine"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/smoke"
	"github.com/extpack/extpack/internal/text"
	"github.com/extpack/extpack/internal/verify"
)

// buildRun is the validated input of a build.
type buildRun struct {
	plan    *plan.Plan
	engine  engine.Request
	daemon  *pipeline.Daemon
	places  pipeline.Places
	options pipeline.Options
}

// prepare validates a build: its flags, the extensions, and where they go.
func (o *buildOptions) prepare(ctx context.Context, a *app) (*buildRun, error) {
	annotateOptions, err := o.annotateOptions()
	if err != nil {
		return nil, err
	}
	engine := o.engineRequest(a)
	if err := errors.Join(engine.Check(), o.checkAttest(), o.check()); err != nil {
		return nil, err
	}
	o.pushes, o.Allow, o.git.ofDescriptor = o.push, grants.ForBuildx(o.grants.allow), true
	p, err := o.plan(ctx, a, o.labels, o.annotations)
	isOther := func(d diag.Diagnostic) bool { return d.Rule == rules.Descriptor.ID }
	if len(o.dirs) > 1 && slices.ContainsFunc(diag.Of(err), isOther) {
		return nil, diag.WithHint(err, "or leave out what is not an extension with --skip-others")
	}
	if err != nil {
		return nil, err
	}
	if err := pipeline.CheckIndex(p, o.append, o.Any()); err != nil {
		return nil, err
	}
	if err := checkSizes(ctx, a.cli.Err(), p, annotateOptions); err != nil {
		return nil, err
	}
	o.bars.Begin(p)
	log := logTo(o.bars, o.quiet)
	request := o.request(a, log, o.bars)
	if len(o.tags) > 0 && !request.UsesTags() {
		fmt.Fprintln(a.cli.Err(), "warning: --tag has no effect without --push or --load")
	}
	if err := o.checkPlan(p, engine); err != nil {
		return nil, err
	}
	run := &buildRun{plan: p, engine: engine, daemon: request.Daemon}
	if run.places, err = o.resolve(p, request, annotateOptions.Docker); err != nil {
		return nil, err
	}
	if !run.places.OnlyFiles() { // whose index.json has annotations
		annotateOptions.LeftOut = func(names []string) { log("note: %s", index.LeftOut(names)) }
	}
	o.warnAttest(a.cli.Err(), run.places)
	run.options = o.pipelineOptions(log)
	run.options.Annotate, run.options.Destinations = annotateOptions, run.places.Of
	return run, nil
}

// checkPlan returns an error for flags that do not go with the extensions.
func (o *buildOptions) checkPlan(p *plan.Plan, engine engine.Request) (err error) {
	if o.smoke != "" {
		if o.smoke, err = smoke.Check(p, o.smoke); err != nil {
			return err
		}
	}
	if err := engine.CheckPlan(p); err != nil {
		return err
	}
	if o.metadataFile != "" {
		if err := pipeline.CheckFile("--metadata-file", o.metadataFile); err != nil {
			return err
		}
	}
	if o.single && o.append {
		return diag.WithHint(diag.Invalidf("--append requires an index, and --single publishes an image without one"), "leave one of them out")
	}
	if o.single {
		if err := pipeline.CheckSingle(p); err != nil {
			return err
		}
	}
	if _, err := bake.Targets(p); err != nil {
		return err
	}
	return bake.CheckSetTargets(p, o.Set)
}

// resolve returns where the packages go, if these places can contain them.
func (o *buildOptions) resolve(p *plan.Plan, request pipeline.Request, docker bool) (pipeline.Places, error) {
	places, err := pipeline.Resolve(p, request)
	if err != nil {
		return nil, err
	}
	if err := places.CheckAnnotations(o.annotations, o.single); err != nil {
		return nil, err
	}
	return places, places.CheckCompression(docker)
}

// pipelineOptions returns the options of the flags, which print what happens.
func (o *buildOptions) pipelineOptions(log func(format string, args ...any)) pipeline.Options {
	overridden := len(o.Set) > 0 || len(o.stage.cacheTo) > 0 || o.Any()
	return pipeline.Options{
		AllowPlatformMismatch: o.allowMismatch,
		AllowSecrets:          o.allowSecrets,
		KeepGoing:             o.keepGoing,
		// The result of a bake override is not known before the build, and a
		// published package may lack the attestations or the cache.
		Force:         overridden || o.force || o.NoCache || o.smoke != "" || o.test,
		Unpredictable: overridden,
		Warn: func(e *plan.Extension, f verify.Finding) {
			fmt.Fprintf(o.bars, "%s: warning: %s\n", e.Descriptor.Info, text.Clean(f.String()))
		},
		Annotated: func(e *plan.Extension, pkg *annotate.Package) {
			if o.bars.Terminal() {
				log("annotated %s: labels of %s, %s", e.Descriptor.Info,
					text.Count(len(pkg.Images), "image"), text.Count(len(pkg.Index.Annotations), "annotation"))
			}
		},
		Verified: func(e *plan.Extension, images []annotate.Image) {
			o.bars.Verified(e, images)
			on := text.Count(len(images), "platform")
			if e.AnyPlatform() {
				on = extension.AnyPlatformName
			}
			log("verified %s: %s", e.Descriptor.Info, on)
		},
		Unchanged: func(e *plan.Extension) {
			log("nothing to do for %s: it is already published", e.Descriptor.Info)
		},
	}
}
