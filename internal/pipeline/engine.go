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
