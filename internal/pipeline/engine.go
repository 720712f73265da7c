package pipeline

import (
	"context"

	"github.com/extpack/extpack/internal/plan"
)

// EngineFunc is a function that implements [Engine], for engines that are only
// located if a build is necessary.
type EngineFunc func(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error)

// Build calls f.
func (f EngineFunc) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	return f(ctx, p, dir)
}

// Fallback is an engine that uses a second one if the first cannot be reached.
type Fallback struct {
	First, Second Engine
	// Skip returns the reason not to try the first engine, or "". It may be
	// nil.
	Skip func(ctx context.Context, p *plan.Plan) (why string)
	// Unreachable returns the reason why the first engine could not be reached,
	// or "" if err is a failed build.
	Unreachable func(ctx context.Context, p *plan.Plan, err error) (why string)
	// Notify is called with the reason why the second engine is used. It may be
	// nil.
	Notify func(why string)
}

// Build builds with the first engine that can be reached.
func (f Fallback) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	why := ""
	if f.Skip != nil {
		why = f.Skip(ctx, p)
	}
	if why == "" {
		built, err := f.First.Build(ctx, p, dir)
		if err == nil {
			return built, nil
		}
		if why = f.Unreachable(ctx, p, err); why == "" {
			return built, err
		}
	}
	if f.Notify != nil {
		f.Notify(why)
	}
	return f.Second.Build(ctx, p, dir)
}
