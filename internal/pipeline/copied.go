package pipeline

import (
	"context"
	"slices"

	"github.com/extpack/extpack/internal/plan"
)

// Copier copies the directories of extensions into tar files.
type Copier interface {
	// CopiesDir reports whether CopyDirs supports an extension.
	CopiesDir(e *plan.Extension) bool
	// CopyDirs writes tar files below dir. Each directory is in one of them.
	CopyDirs(ctx context.Context, extensions []*plan.Extension, dir string) ([]plan.Copy, error)
}

// Packer divides copies of directories into the layers of images.
type Packer interface {
	BuildCopied(ctx context.Context, p *plan.Plan, copies []plan.Copy, dir string) ([]plan.Built, error)
}

// Copied is an engine that copies the directories of static extensions once for
// all images, and divides the copy itself. Engine builds the other extensions.
type Copied struct {
	Engine
	Copier
	Packer
}

// Build copies and packs the static extensions, and builds the others.
func (c Copied) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	static, others := &plan.Plan{}, &plan.Plan{}
	for _, e := range p.Extensions {
		if c.CopiesDir(e) {
			static.Extensions = append(static.Extensions, e)
		} else {
			others.Extensions = append(others.Extensions, e)
		}
	}
	var built []plan.Built
	if len(others.Extensions) > 0 {
		var err error
		if built, err = c.Engine.Build(ctx, others, dir); err != nil || len(static.Extensions) == 0 {
			return built, err
		}
	}
	copies, err := c.CopyDirs(ctx, static.Extensions, dir)
	if err != nil {
		return nil, err
	}
	packed, err := c.BuildCopied(ctx, static, copies, dir)
	return slices.Concat(built, packed), err
}
