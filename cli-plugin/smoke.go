package cliplugin

import (
	"context"
	"fmt"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/emulation"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/smoke"
	"github.com/extpack/extpack/internal/text"
)

// try returns the function that runs the programs of a package, or nil if it
// was not requested.
func (o *buildOptions) try(a *app) func(context.Context, *plan.Extension, *annotate.Package) error {
	if o.smoke == "" {
		return nil
	}
	find := sync.OnceValues(func() (*bake.Engine, error) { return o.engine(a, o.quiet) })
	var one sync.Mutex // keeps the output of one extension together
	return func(ctx context.Context, e *plan.Extension, pkg *annotate.Package) error {
		one.Lock()
		defer one.Unlock()
		engine, err := find()
		if err != nil {
			return err
		}
		builder := emulation.Builder{Client: engine.Client, Name: o.Builder}
		return smoke.Run(ctx, e, pkg, smoke.Options{
			Image: o.smoke, Start: engine.Smoke, Unreliable: builder.Unreliable,
			Platforms: func(ctx context.Context, image string) []v1.Platform {
				have, _ := pipeline.PlatformsAt(ctx, a.registry(o.insecure, nil, nil), image)
				return have
			},
			Show:  func(line string) { fmt.Fprintln(o.bars, text.Clean(line)) },
			Quiet: o.quiet,
		})
	}
}
