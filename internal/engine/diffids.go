package engine

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/scratch"
)

// DiffIDs returns the diffIDs of the images of each extension, in plan order.
// Those of static extensions are computed from their files. find locates the
// builder of the others; if it is nil, they are an error.
func DiffIDs(ctx context.Context, p *plan.Plan, find func() (pipeline.Engine, error)) (map[*plan.Extension][]digest.Digest, error) {
	var list diag.List
	staged := &plan.Plan{}
	all := map[*plan.Extension][]digest.Digest{}
	for _, e := range p.Extensions {
		switch {
		case !e.NeedsBuild():
			if !checkCopies(e, &list) {
				continue
			}
			ids, err := (&embedded.Engine{}).DiffIDs(ctx, e)
			if err != nil {
				return nil, err
			}
			all[e] = ids
		case find == nil:
			list.Errorf(diag.Position{File: e.Descriptor.File}, "a complete bake file is not possible: the files of the build stage of %s are known only after a build", e.Descriptor.Info).Hint = "use --complete=build, which builds them first, or run docker extpack annotate after the build"
		default:
			staged.Extensions = append(staged.Extensions, e)
		}
	}
	if err := list.Err(); err != nil || len(staged.Extensions) == 0 {
		return all, err
	}
	return all, build(ctx, staged, find, all)
}

// build builds p and adds its diffIDs to all.
func build(ctx context.Context, p *plan.Plan, find func() (pipeline.Engine, error), all map[*plan.Extension][]digest.Digest) error {
	if err := p.SettleSources(); err != nil {
		return err
	}
	engine, err := find()
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
