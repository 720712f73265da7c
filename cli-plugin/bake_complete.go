package cliplugin

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/scratch"
)

// diffIDs returns the diffIDs for a complete file, nil without --complete. Those
// of static extensions are computed from their files.
func (o *bakeOptions) diffIDs(ctx context.Context, a *app, p *plan.Plan) (map[*plan.Extension][]digest.Digest, error) {
	if o.complete == "" {
		return nil, nil
	}
	if err := bake.CheckComplete(p); err != nil { // before anything is built
		return nil, err
	}
	var list diag.List
	staged := &plan.Plan{}
	all := map[*plan.Extension][]digest.Digest{}
	for _, e := range p.Extensions {
		if e.NeedsBuild() {
			staged.Extensions = append(staged.Extensions, e)
			if o.complete != completeBuild {
				list.Errorf(diag.Position{File: e.Descriptor.File}, "a bake file cannot be complete: the files of the build stage of %s are only known after a build", e.Descriptor.Info).Hint = "use --complete=build, which builds them first, or run docker extpack annotate after the build"
			}
			continue
		}
		ids, err := embedded.DiffIDs(ctx, e)
		if err != nil {
			return nil, err
		}
		all[e] = ids
	}
	if err := list.Err(); err != nil || len(staged.Extensions) == 0 {
		return all, err
	}
	return all, o.buildDiffIDs(ctx, a, staged, all)
}

// buildDiffIDs builds p and adds its diffIDs to all.
func (o *bakeOptions) buildDiffIDs(ctx context.Context, a *app, p *plan.Plan, all map[*plan.Extension][]digest.Digest) error {
	if err := p.SettleSources(); err != nil {
		return err
	}
	run := buildxOptions{bake.RunOptions{Builder: o.builder, Allow: o.grants.forBuildx()}}
	engine, err := run.engine(a, false)
	if err != nil {
		return err
	}
	temp, err := scratch.New()
	if err != nil {
		return err
	}
	defer temp.Remove()
	built, err := engine.Build(ctx, p, temp.Path)
	if err != nil {
		return err
	}
	for _, e := range p.Extensions {
		if all[e], err = pipeline.BuiltDiffIDs(ctx, e, built); err != nil {
			return err
		}
	}
	return nil
}
