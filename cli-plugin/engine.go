package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/text"
)

// The values of --engine.
const (
	engineAuto     = "auto"
	engineBuildx   = "buildx"
	engineEmbedded = "embedded"
)

// checkEngine finds wrong engine flags, also for a dry run.
func (o *buildOptions) checkEngine() error {
	switch o.engineName {
	case engineBuildx, engineAuto:
		return nil
	case engineEmbedded:
		return o.checkEmbedded()
	}
	return diag.WithHint(diag.Invalidf("--engine %q does not exist", o.engineName), "the choices are auto, buildx, embedded")
}

// chooseEngine gives the engine that --engine names. checkEngine has passed
// the name. buildx is only looked for when something has to be built.
func (o *buildOptions) chooseEngine(dockerCLI command.Cli, cmd *cobra.Command) pipeline.Engine {
	buildx := pipeline.EngineFunc(func(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
		engine, err := o.engine(dockerCLI, cmd, o.quiet)
		if err != nil {
			return nil, withoutBuildx(err, p)
		}
		built, err := o.attest(ctx, engine, p, dir)
		return built, o.baseImage(ctx, dockerCLI, p, err)
	})
	switch o.engineName {
	case engineBuildx:
		return buildx
	case engineEmbedded:
		return &embedded.Engine{Progress: o.bars.Packed}
	}
	return o.fallback(dockerCLI, cmd)
}

// checkEmbedded refuses flags that only a builder can honour.
func (o *buildOptions) checkEmbedded() error {
	for _, f := range []struct {
		flag  string
		given bool
	}{
		{"--builder", o.Builder != ""},
		{"--set", len(o.Set) > 0},
		{"--allow", len(o.grants.allow) > 0},
		{"--provenance", asked(o.provenance)},
		{"--sbom", asked(o.sbom)},
		{"--cache-from", len(o.stage.cacheFrom) > 0},
		{"--cache-to", len(o.stage.cacheTo) > 0},
		{"--smoke", o.smoke != ""},
	} {
		if f.given {
			return diag.WithHint(diag.Invalidf("%s goes with a builder, not with --engine embedded", f.flag), "leave one of them out")
		}
	}
	return nil
}

// fallback builds with buildx, and packs in process when no builder answers and
// nothing needs one; a build that fails otherwise stays failed.
func (o *buildOptions) fallback(dockerCLI command.Cli, cmd *cobra.Command) pipeline.Engine {
	return pipeline.EngineFunc(func(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
		needed := o.checkEmbedded() != nil || needsBuild(p)
		pack := func(why string) ([]plan.Built, error) {
			if !o.quiet {
				fmt.Fprintln(o.bars, text.Line("packing without a builder: "+why))
			}
			return (&embedded.Engine{Progress: o.bars.Packed}).Build(ctx, p, dir)
		}
		engine, err := o.engine(dockerCLI, cmd, o.quiet)
		if err != nil {
			if needed || diag.IsInvalid(err) {
				return nil, withoutBuildx(err, p)
			}
			return pack(clause(err))
		}
		if !needed {
			why, err := engine.NoBuilder(ctx, "", dockerCLI.DockerEndpoint().Host)
			if err == nil && why != "" {
				return pack(why)
			}
		}
		built, err := o.attest(ctx, engine, p, dir)
		if err == nil || needed || !unreachable(ctx, engine, err) {
			return built, o.baseImage(ctx, dockerCLI, p, err)
		}
		return pack(clause(err))
	})
}

// withoutBuildx adds to the hint of a missing buildx that there is a way without.
func withoutBuildx(err error, p *plan.Plan) error {
	var hint *diag.HintError
	if errors.As(err, &hint) && !needsBuild(p) {
		return diag.WithHint(hint.Err, hint.Hint+"; what is not compiled needs none with --engine embedded")
	}
	return err
}

// clause returns what an error says went wrong, without the next step.
func clause(err error) string {
	var build *buildx.BuildError
	if errors.As(err, &build) && build.Cause != "" {
		return build.Cause
	}
	return err.Error()
}

// checkStages refuses build stages for the engine that cannot run them.
func (o *buildOptions) checkStages(p *plan.Plan) error {
	for _, e := range p.Extensions {
		if o.engineName == engineEmbedded && e.NeedsBuild() {
			return diag.WithHint(diag.Invalidf("--engine embedded: %s: %v", e.Descriptor.Info, plan.ErrNeedsBuild), "leave out --engine, or choose targets that have platform folders with --target")
		}
	}
	return nil
}

// missing returns what the extensions ask for and were not granted. Without a
// builder nothing of it is used.
func (o *buildOptions) missing(p *plan.Plan) error {
	if o.engineName == engineEmbedded {
		return nil
	}
	return p.Missing()
}

func needsBuild(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Extensions, (*plan.Extension).NeedsBuild)
}

func unreachable(ctx context.Context, engine *bake.Engine, buildErr error) bool {
	var failed *buildx.BuildError
	if errors.As(buildErr, &failed) && failed.NoBuilder {
		return true
	}
	ok, err := engine.Reachable(ctx, engine.Options.Builder)
	return err == nil && !ok
}
