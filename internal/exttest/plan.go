package exttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// plan finds the runs: each case on each platform that it applies to.
func (r *runner) plan(ctx context.Context) error {
	buildImage := cmp.Or(r.BuildImage, r.BuilderImage)
	switch {
	case buildImage == "":
		return diag.WithHint(diag.Invalidf("a builder image is required"), "name one with --builder-image, or as builder-image in [metadata.extpack.test] of extension.toml")
	case r.BuilderImage == "" && r.RunImage == "":
		return diag.WithHint(diag.Invalidf("a run image is required in addition to a build image"), "name one with --run-image")
	}
	var list diag.List
	for _, s := range r.Subjects {
		list = append(list, s.check()...)
	}
	if err := list.Err(); err != nil {
		return err
	}
	for _, s := range r.Subjects {
		platforms, err := r.platformsOf(ctx, s, buildImage)
		if err != nil {
			return err
		}
		for i := range s.Cases {
			test := &s.Cases[i]
			chosen, err := s.applicable(test, platforms)
			if err != nil {
				return err
			}
			for _, p := range r.wanted(chosen) {
				one, err := r.newRun(ctx, s, test, p, buildImage)
				if err != nil {
					return err
				}
				r.runs = append(r.runs, one)
			}
		}
	}
	return nil
}

func (r *runner) newRun(ctx context.Context, s *Subject, test *extension.TestCase, p v1.Platform, buildImage string) (*run, error) {
	n := len(r.runs)
	one := &run{
		n: n, subject: s, test: test, platform: p, dir: filepath.Join(r.dir, "run-"+strconv.Itoa(n)),
		Result: Result{Extension: s.String(), Case: test.Name, Platform: platform.Format(p), Position: test.Position},
	}
	order, err := r.orderOf(ctx, s, test)
	if err != nil {
		return nil, err
	}
	if err := r.resolveImages(ctx, one, buildImage); err != nil {
		return one, one.notRun(err)
	}
	for _, o := range order {
		image, ok := imageFor(o.Images, p, one.distro())
		if !ok {
			one.Status, one.Reason = NotRun, fmt.Sprintf("%s has no image for %s", o, one.Platform)
			return one, nil
		}
		if o == s {
			one.image = image
		}
		one.order = append(one.order, ordered{o, image.Digest})
	}
	return one, nil
}

// notRun records that an image has none for the platform. It returns other
// errors.
func (r *run) notRun(err error) error {
	var none *errNoPlatform
	if !errors.As(err, &none) {
		return err
	}
	r.Status, r.Reason = NotRun, none.problem
	return nil
}

// resolveImages finds the images that a run is made with.
func (r *runner) resolveImages(ctx context.Context, one *run, buildImage string) (err error) {
	if one.build, err = r.bases.resolve(ctx, buildImage, one.platform); err != nil {
		return err
	}
	metadata, err := one.build.metadata()
	if err != nil {
		return err
	}
	if r.BuilderImage != "" && r.BuildImage != "" {
		builder, err := r.bases.resolve(ctx, r.BuilderImage, one.platform)
		if err != nil {
			return err
		}
		if metadata, err = builder.metadata(); err != nil {
			return err
		}
		one.lifecycle = builder
	}
	runImage := cmp.Or(r.RunImage, metadata.runImageName())
	switch {
	case runImage != "":
	case one.build.config.Labels[labelBuilder] == "":
		return diag.WithHint(diag.Invalidf("%s is not a builder image: it has no label %s", one.build.name, labelBuilder),
			"name a builder image of Cloud Native Buildpacks with --builder-image, or a build image, a run image and a lifecycle")
	default:
		return diag.WithHint(diag.Invalidf("%s has no run image in its label %s", one.build.name, labelBuilder), "name one with --run-image")
	}
	if r.Lifecycle != "" {
		if one.lifecycle, err = r.bases.resolve(ctx, r.Lifecycle, one.platform); err != nil {
			return err
		}
	}
	if one.runImage, err = r.bases.resolve(ctx, runImage, one.platform); err != nil {
		return err
	}
	lifecycle := one.build
	if one.lifecycle != nil {
		lifecycle = one.lifecycle
	}
	one.api, err = platformAPI(one.test, metadata.Lifecycle.APIs.Platform.Supported, lifecycle)
	return err
}

// distro returns the distro of the run image, by which a lifecycle matches
// targets.
func (r *run) distro() extension.Distro {
	labels := r.runImage.config.Labels
	return extension.Distro{Name: labels[labelDistroName], Version: labels[labelDistroVersion]}
}

// imageFor returns the image for a platform. If several are for it, it returns
// the one for the distro.
func imageFor(images []Image, p v1.Platform, distro extension.Distro) (Image, bool) {
	var found []Image
	for _, image := range images {
		if image.Any || platform.Equal(v1.Platform{OS: image.Platform.OS, Architecture: image.Platform.Architecture, Variant: image.Platform.Variant}, p) {
			found = append(found, image)
		}
	}
	for _, image := range found {
		if slices.Contains(image.Distros, distro) {
			return image, true
		}
	}
	if len(found) == 0 {
		return Image{}, false
	}
	return found[0], true
}

// orderOf returns the extensions that run in a case.
func (r *runner) orderOf(ctx context.Context, s *Subject, test *extension.TestCase) ([]*Subject, error) {
	if len(test.Order) == 0 {
		return []*Subject{s}, nil
	}
	var order []*Subject
	var list diag.List
	for _, e := range test.Order {
		if e.Value == "." {
			order = append(order, s)
			continue
		}
		other, err := r.other(ctx, s, e.Value)
		if err != nil && !diag.IsInvalid(err) {
			return nil, err
		}
		if err != nil {
			list.Errorf(e.Position, "%v", err)
			continue
		}
		order = append(order, other)
	}
	if !slices.Contains(order, s) && list.Err() == nil {
		list.Errorf(test.Order[0].Position, "order does not have \".\", the extension under test")
	}
	return order, list.Err()
}

// other returns the extension in a directory that a case names.
func (r *runner) other(ctx context.Context, s *Subject, dir string) (*Subject, error) {
	if s.Dir == "" {
		return nil, diag.Invalidf("%s is a package, so a case cannot use other extensions", s)
	}
	return r.Extension(ctx, filepath.Join(s.Dir, filepath.FromSlash(dir)))
}
