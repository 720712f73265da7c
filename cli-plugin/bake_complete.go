package cliplugin

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/engine"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
)

// diffIDs returns the diffIDs for a complete file, nil without --complete.
func (o *bakeOptions) diffIDs(ctx context.Context, a *app, p *plan.Plan) (map[*plan.Extension][]digest.Digest, error) {
	if o.complete == "" {
		return nil, nil
	}
	if err := bake.CheckComplete(p); err != nil { // before anything is built
		return nil, err
	}
	var find func() (pipeline.Engine, error)
	if o.complete == completeBuild {
		run := buildxOptions{bake.RunOptions{Builder: o.builder, Allow: grants.ForBuildx(o.grants.allow)}}
		find = func() (pipeline.Engine, error) { return run.engine(a, false) }
	}
	return engine.DiffIDs(ctx, p, find)
}
