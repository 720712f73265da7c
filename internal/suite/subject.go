package exttest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/inspect"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/verify"
)

// Package packages the extensions of a plan into OCI layouts below dir, and
// returns them without cases.
func Package(ctx context.Context, p *plan.Plan, engine pipeline.Engine, dir string, opts pipeline.Options) ([]*Subject, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating temporary folder: %w", err)
	}
	layouts := map[*plan.Extension]string{}
	for i, e := range p.Extensions {
		layouts[e] = filepath.Join(dir, "package-"+strconv.Itoa(i))
	}
	opts.Force = true
	opts.Destinations = func(e *plan.Extension) []pipeline.Destination {
		return []pipeline.Destination{pipeline.Dir{Name: layouts[e]}}
	}
	opts.Verified = func(*plan.Extension, []annotate.Image) {}
	opts.Unchanged = func(*plan.Extension) {}
	if opts.Warn == nil {
		opts.Warn = func(*plan.Extension, verify.Finding) {}
	}
	results, err := pipeline.Run(ctx, p, engine, opts)
	if err != nil {
		return nil, err
	}
	var all []*Subject
	for _, r := range results {
		all = append(all, FromPlan(r.Extension, r.Images, layouts[r.Extension]))
	}
	return all, nil
}

// FromPlan returns the package of an extension in the layout at an absolute path,
// without cases.
func FromPlan(e *plan.Extension, images []annotate.Image, layout string) *Subject {
	info := e.Descriptor.Info
	s := &Subject{Name: e.Dir, ID: info.ID, Version: info.Version, API: e.Descriptor.API, Dir: e.Dir, Layout: layout}
	for i, image := range images {
		s.Images = append(s.Images, Image{
			Platform: image.Platform, Any: image.Any, Distros: e.Images[i].Distros, Digest: image.Descriptor.Digest,
		})
	}
	return s
}

// Open copies a published package into an OCI layout at the path layout, and
// returns it without cases.
func Open(ctx context.Context, src *source.Source, layout string) (*Subject, error) {
	report, err := inspect.Package(ctx, src, src.Name, src.Root)
	if err != nil {
		return nil, err
	}
	if report.Extension == nil {
		return nil, diag.Invalidf("%s is not a package of an extension", src.Name)
	}
	if err := ocilayout.CopyDir(ctx, layout, src, v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{src.Root}}, nil); err != nil {
		return nil, oci.Wrap(err, "reading "+src.Name)
	}
	s := &Subject{Name: src.Name, ID: report.Extension.ID, Version: report.Extension.Version, API: report.Extension.API, Layout: layout}
	for _, p := range report.Platforms {
		image := Image{Digest: p.Digest, Platform: p.Identity().Platform(), Any: p.Platform == extension.AnyPlatform}
		if d := p.Identity().Distro; d.Name != "" || d.Version != "" {
			image.Distros = append(image.Distros, d)
		}
		s.Images = append(s.Images, image)
	}
	return s, nil
}
