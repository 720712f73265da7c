package suite

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
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/inspect"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/verify"
)

// pack packages the extensions of a plan into OCI layouts below dir, and returns
// them without cases.
func pack(ctx context.Context, p *plan.Plan, engine pipeline.Engine, dir string) ([]*exttest.Subject, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating temporary folder: %w", err)
	}
	layouts := map[*plan.Extension]string{}
	for i, e := range p.Extensions {
		layouts[e] = filepath.Join(dir, "package-"+strconv.Itoa(i))
	}
	results, err := pipeline.Run(ctx, p, engine, pipeline.Options{
		Force: true,
		Destinations: func(e *plan.Extension) []pipeline.Destination {
			return []pipeline.Destination{pipeline.Dir{Name: layouts[e]}}
		},
		Warn:      func(*plan.Extension, verify.Finding) {},
		Verified:  func(*plan.Extension, []annotate.Image) {},
		Unchanged: func(*plan.Extension) {},
	})
	if err != nil {
		return nil, err
	}
	var all []*exttest.Subject
	for _, r := range results {
		all = append(all, fromPlan(r.Extension, r.Images, layouts[r.Extension]))
	}
	return all, nil
}

// fromPlan returns the package of an extension in the layout at an absolute path,
// without cases.
func fromPlan(e *plan.Extension, images []annotate.Image, layout string) *exttest.Subject {
	info := e.Descriptor.Info
	s := &exttest.Subject{Name: e.Dir, ID: info.ID, Version: info.Version, API: e.Descriptor.API, Dir: e.Dir, Layout: layout}
	for i, image := range images {
		s.Images = append(s.Images, exttest.Image{
			Platform: image.Platform, Any: image.Any, Distros: e.Images[i].Distros, Digest: image.Descriptor.Digest,
		})
	}
	return s
}

// open copies a published package into an OCI layout at the path layout, and
// returns it without cases.
func open(ctx context.Context, src *source.Source, layout string) (*exttest.Subject, error) {
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
	s := &exttest.Subject{Name: src.Name, ID: report.Extension.ID, Version: report.Extension.Version, API: report.Extension.API, Layout: layout}
	for _, p := range report.Platforms {
		image := exttest.Image{Digest: p.Digest, Platform: p.Identity().Platform(), Any: p.Platform == extension.AnyPlatform}
		if d := p.Identity().Distro; d.Name != "" || d.Version != "" {
			image.Distros = append(image.Distros, d)
		}
		s.Images = append(s.Images, image)
	}
	return s, nil
}
