package main

import (
	"context"
	"fmt"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
)

// The values of --engine.
const (
	engineBuildx   = "buildx"
	engineEmbedded = "embedded"
	engineAuto     = "auto"
)

// chooseEngine gives the engine that --engine names. buildx is only looked for
// when something has to be built.
func (o *buildOptions) chooseEngine(dockerCLI command.Cli, cmd *cobra.Command) (pipeline.Engine, error) {
	buildx := pipeline.EngineFunc(func(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
		engine, err := o.engine(dockerCLI, cmd, o.quiet)
		if err != nil {
			return nil, err
		}
		return engine.Build(ctx, p, dir)
	})
	switch o.engineName {
	case engineBuildx:
		return buildx, nil
	case engineEmbedded:
		return &embedded.Engine{}, o.checkEmbedded()
	case engineAuto:
		return o.fallback(dockerCLI, cmd), nil
	}
	return nil, diag.Invalidf("", "--engine %q is none of %q, %q and %q", o.engineName, engineBuildx, engineEmbedded, engineAuto)
}

// checkEmbedded refuses flags that only a builder can honour.
func (o *buildOptions) checkEmbedded() error {
	for flag, given := range map[string]bool{
		"--builder": o.Builder != "", "--set": len(o.Set) > 0, "--allow": len(o.Allow) > 0, "--progress": o.Progress != "",
	} {
		if given {
			return diag.Invalidf("leave one of them out", "%s goes with a builder, not with --engine embedded", flag)
		}
	}
	return nil
}

// fallback builds with buildx, and packs in process when there is no builder
// to reach; a build that fails otherwise stays failed.
func (o *buildOptions) fallback(dockerCLI command.Cli, cmd *cobra.Command) pipeline.Engine {
	return pipeline.EngineFunc(func(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
		engine, err := o.engine(dockerCLI, cmd, o.quiet)
		if err == nil {
			built, buildErr := engine.Build(ctx, p, dir)
			if buildErr == nil || o.checkEmbedded() != nil || !unreachable(ctx, engine) {
				return built, buildErr
			}
			err = buildErr
		} else if o.checkEmbedded() != nil {
			return nil, err
		}
		fmt.Fprintf(dockerCLI.Err(), "packing without a builder, because none can be reached: %v\n", err)
		return (&embedded.Engine{}).Build(ctx, p, dir)
	})
}

func unreachable(ctx context.Context, engine *bake.Engine) bool {
	ok, err := engine.Reachable(ctx, engine.Options.Builder)
	return err == nil && !ok
}
