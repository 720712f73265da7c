package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/emulation"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/smoke"
	"github.com/extpack/extpack/internal/task"
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
		var said []string
		err = smoke.Run(ctx, e, pkg, smoke.Options{
			Image: o.smoke,
			Start: func(ctx context.Context, p task.Program) (task.Outcome, error) {
				outcome, err := engine.Smoke(ctx, p)
				var lacks *bake.SmokeImageError
				if errors.As(err, &lacks) {
					have, _ := pipeline.PlatformsAt(ctx, a.registry(o.insecure, func(string, ...any) {}, nil), lacks.Image)
					for _, h := range have {
						lacks.Has = append(lacks.Has, platform.Format(h))
					}
				}
				if err != nil {
					return task.Outcome{}, err
				}
				return *outcome, nil
			},
			Unreliable: func(ctx context.Context, p v1.Platform) (string, error) {
				if platform.IsZero(p) {
					return "", nil // the builder's own
				}
				support, err := emulation.Probe(ctx, engine.Client, engine.Options.Builder, p)
				return support.Reason(p), err
			},
			Show: func(line string) {
				if o.quiet {
					said = append(said, line)
					return
				}
				fmt.Fprintln(o.bars, text.Clean(line))
			},
		})
		if err != nil {
			for _, line := range said {
				fmt.Fprintln(o.bars, text.Clean(line))
			}
		}
		return err
	}
}
