package pipeline

import (
	"context"

	"github.com/extpack/extpack/internal/plan"
)

// EngineFunc is an engine that is a function, for engines that are only looked
// for when something has to be built.
type EngineFunc func(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error)

// Build calls f.
func (f EngineFunc) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	return f(ctx, p, dir)
}

// Fallback is an engine that builds with another one where the first cannot be
// reached.
type Fallback struct {
	First, Second Engine
	// Skip returns why not to try the first, or "". It may be nil.
	Skip func(ctx context.Context, p *plan.Plan) (why string)
	// Unreachable returns why an error means that the first could not be
	// reached, or "" where a build failed.
	Unreachable func(ctx context.Context, p *plan.Plan, err error) (why string)
	// Notify is told why the second one is used. It may be nil.
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
