package pipeline

import (
	"context"
	"fmt"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/drift"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/verify"
)

// prepared is a package that passed, in a separate layout.
type prepared struct {
	pkg    *annotate.Package
	layout *ocilayout.Layout // nil if it could not be made
}

func (p *prepared) close() {
	if p.layout != nil {
		p.layout.Close()
	}
}

// closeBuilt closes the layouts of e, or of all extensions if e is nil, that an
// engine left open.
func closeBuilt(e *plan.Extension, built []plan.Built) {
	for _, b := range built {
		if b.Layout != nil && (e == nil || b.Extension == e) {
			b.Layout.Close()
		}
	}
}

func closeAll(all []*prepared) {
	for _, p := range all {
		if p != nil {
			p.close()
		}
	}
}

// prepare annotates and verifies one extension.
func (r *run) prepare(e *plan.Extension, built []plan.Built, dir string) (*prepared, error) {
	p := &prepared{}
	defer closeBuilt(e, built)
	err := p.fill(oci.WithoutBudget(r.ctx), e, built, dir, r.opts)
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *prepared) fill(ctx context.Context, e *plan.Extension, built []plan.Built, dir string, opts Options) error {
	if err := p.make(ctx, e, built, dir, opts); err != nil {
		return err
	}
	if opts.Annotated != nil {
		opts.Annotated(e, p.pkg)
	}
	if err := checkDrift(ctx, e, p.pkg, built); err != nil {
		return err
	}
	return check(ctx, e, p.pkg, opts)
}

// make writes the package.
func (p *prepared) make(ctx context.Context, e *plan.Extension, built []plan.Built, dir string, opts Options) error {
	sources, done, err := openBuilt(e, built)
	if err != nil {
		return err
	}
	defer done()
	dst, err := ocilayout.Stage(dir)
	if err != nil {
		return err
	}
	p.layout = dst
	p.pkg, err = annotate.Make(ctx, dst, e, sources, opts.Annotate)
	return err
}

// checkDrift compares images with the plan if the engine did not.
func checkDrift(ctx context.Context, e *plan.Extension, pkg *annotate.Package, built []plan.Built) error {
	var packed []drift.Packed
	for _, b := range built {
		if b.Extension != e || b.Checked {
			continue
		}
		for _, i := range b.Images {
			packed = append(packed, drift.Packed{Image: i, Manifest: pkg.Images[i].Descriptor, DiffID: pkg.Images[i].DiffID})
		}
	}
	return drift.Check(ctx, pkg.Layout, e, packed)
}

// check verifies a package and calls Options.Try.
func check(ctx context.Context, e *plan.Extension, pkg *annotate.Package, opts Options) error {
	findings, err := verify.Check(ctx, pkg.Layout, pkg.Root, verify.Options{
		Promise:               promise(e, pkg),
		AllowPlatformMismatch: opts.AllowPlatformMismatch,
		AllowSecrets:          opts.AllowSecrets,
	})
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	for _, f := range findings {
		if f.Severity == verify.Warning {
			opts.Warn(e, f)
		}
	}
	if err := verify.Err(findings); err != nil {
		return err
	}
	opts.Verified(e, pkg.Images)
	if opts.Try == nil {
		return nil
	}
	if err := pkg.Layout.Flush(); err != nil {
		return err
	}
	return opts.Try(ctx, e, pkg)
}

// promise returns the expected content of the package. If the builder chose the
// platform, that is the expected one.
func promise(e *plan.Extension, pkg *annotate.Package) *verify.Promise {
	info := e.Descriptor.Info
	p := &verify.Promise{ID: info.ID, Version: info.Version}
	for i, image := range pkg.Images {
		promised := verify.PromisedImage{
			Platform: image.Platform, Any: image.Any, Stage: e.Images[i].NeedsBuild(),
			Builders: platform.IsZero(e.Images[i].Platform),
		}
		if image.Descriptor.Annotations[extension.AnnotationDistroName] != "" {
			promised.DistroName = e.Images[i].Distros[0].Name
			promised.DistroVersion = e.Images[i].Distros[0].Version
		}
		p.Images = append(p.Images, promised)
	}
	return p
}
