package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/text"
)

// The values of --engine.
const (
	engineAuto     = "auto"
	engineBuildx   = "buildx"
	engineEmbedded = "embedded"
)

// checkEngine validates engine flags, even for a dry run.
func (o *buildOptions) checkEngine() error {
	switch o.engineName {
	case engineBuildx, engineAuto:
		return nil
	case engineEmbedded:
		return o.checkEmbedded()
	}
	return choice.Check("--engine", o.engineName, engineAuto, engineBuildx, engineEmbedded)
}

// chooseEngine returns the engine of --engine, which checkEngine has validated.
// buildx is only located if a build is necessary.
func (o *buildOptions) chooseEngine(a *app) pipeline.Engine {
	packer := &embedded.Engine{Progress: o.bars.Packed}
	if o.engineName == engineEmbedded {
		return packer
	}
	b := &lazyBuildx{find: sync.OnceValues(func() (*bake.Engine, error) { return o.engine(a, o.quiet) }), attest: o.Settings, packer: packer}
	withBuildx := pipeline.BaseImages{Engine: b, Client: func() *registry.Client {
		return a.registry(o.insecure, func(string, ...any) {}, nil)
	}}
	if o.engineName == engineBuildx {
		return withBuildx
	}
	needed := func(p *plan.Plan) bool { return o.checkEmbedded() != nil || needsBuild(p) }
	return pipeline.Fallback{
		First: withBuildx, Second: packer,
		Skip: func(ctx context.Context, p *plan.Plan) string {
			if needed(p) {
				return ""
			}
			return b.missing(ctx)
		},
		Unreachable: func(ctx context.Context, p *plan.Plan, err error) string {
			if needed(p) || !b.unreachable(ctx, err) {
				return ""
			}
			return clause(err)
		},
		Notify: func(why string) {
			if !o.quiet {
				fmt.Fprintln(o.bars, text.Line("packing without a builder: "+why))
			}
		},
	}
}

// lazyBuildx is an engine that locates buildx when it builds.
type lazyBuildx struct {
	find   func() (*bake.Engine, error)
	attest func() ([]string, error)
	packer pipeline.Packer
}

// Build builds with buildx, twice if attestations are requested. Otherwise
// buildx only copies the directories of static extensions.
func (b *lazyBuildx) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	engine, err := b.find()
	if err != nil {
		return nil, withoutBuildx(err, p)
	}
	if err := engine.CheckAnswers(ctx, engine.Options.Builder); err != nil {
		return nil, err
	}
	settings, err := b.attest()
	if err != nil {
		return nil, err
	}
	engine.Attested = len(settings) > 0
	if engine.Attested {
		return pipeline.Attested{Attester: engine, Settings: settings}.Build(ctx, p, dir)
	}
	return pipeline.Copied{Engine: engine, Copier: engine, Packer: b.packer}.Build(ctx, p, dir)
}

// missing returns the reason why buildx has no builder, or "".
func (b *lazyBuildx) missing(ctx context.Context) string {
	engine, err := b.find()
	if err != nil {
		return ""
	}
	why, err := engine.NoBuilder(ctx, "")
	if err != nil {
		return ""
	}
	return why
}

// unreachable returns the reason if a build failed because buildx was not found
// or no builder responds, or "".
func (b *lazyBuildx) unreachable(ctx context.Context, buildErr error) bool {
	engine, err := b.find()
	if err != nil {
		return !diag.IsInvalid(err)
	}
	var failed *buildx.BuildError
	if errors.As(buildErr, &failed) && failed.NoBuilder {
		return true
	}
	ok, err := engine.Reachable(ctx, engine.Options.Builder)
	return err == nil && !ok
}

// checkEmbedded returns an error for flags that require a builder.
func (o *buildOptions) checkEmbedded() error {
	for _, f := range []struct {
		flag  string
		given bool
	}{
		{"--builder", o.Builder != ""},
		{"--set", len(o.Set) > 0},
		{"--allow", len(o.grants.allow) > 0},
		{"--provenance", buildx.Requested(o.Provenance)},
		{"--sbom", buildx.Requested(o.SBOM)},
		{"--cache-from", len(o.stage.cacheFrom) > 0},
		{"--cache-to", len(o.stage.cacheTo) > 0},
		{"--smoke", o.smoke != ""},
		{"--test", o.test},
	} {
		if f.given {
			return diag.WithHint(diag.Invalidf("%s requires a builder, and --engine embedded has none", f.flag), "leave one of them out")
		}
	}
	return nil
}

// withoutBuildx adds the embedded engine to the hint of a missing buildx.
func withoutBuildx(err error, p *plan.Plan) error {
	var hint *diag.HintError
	if errors.As(err, &hint) && !needsBuild(p) {
		return diag.WithHint(hint.Err, hint.Hint+"; what is not compiled needs none with --engine embedded")
	}
	return err
}

// clause returns the message of an error without its hint.
func clause(err error) string {
	var build *buildx.BuildError
	if errors.As(err, &build) && build.Cause != "" {
		return build.Cause
	}
	return err.Error()
}

// checkStages returns an error for build stages with the embedded engine.
func (o *buildOptions) checkStages(p *plan.Plan) error {
	for _, e := range p.Extensions {
		if o.engineName == engineEmbedded && e.NeedsBuild() {
			return diag.WithHint(diag.Invalidf("--engine embedded: %s: %v", e.Descriptor.Info, plan.ErrNeedsBuild), "leave out --engine, or choose targets that have platform folders with --target")
		}
	}
	return nil
}

// missing returns an error for requests of extensions that were not granted.
// Only a builder uses them.
func (o *buildOptions) missing(p *plan.Plan) error {
	if o.engineName == engineEmbedded {
		return nil
	}
	return o.remotes.Explain(p.Missing())
}

func needsBuild(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Extensions, (*plan.Extension).NeedsBuild)
}
