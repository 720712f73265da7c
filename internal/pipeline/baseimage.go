package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	imageref "github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
)

// BaseImages is an engine that, if a build fails because a base image lacks a
// platform, adds the platforms of the image to the error.
type BaseImages struct {
	Engine
	// Client returns a client for the registries of base images.
	Client func() *registry.Client
}

// Build builds with the engine.
func (b BaseImages) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	built, err := b.Engine.Build(ctx, p, dir)
	return built, b.explain(ctx, p, err)
}

func (b BaseImages) explain(ctx context.Context, p *plan.Plan, err error) error {
	var base *buildx.BaseImageError
	if !errors.As(err, &base) {
		return err
	}
	const hint = "use a base image that has them, compile with FROM --platform=$BUILDPLATFORM, or choose other targets with --target"
	name := base.Image
	var have []v1.Platform
	if layout, root, ok := layoutOf(p, base.Image); ok {
		name = "of oci-layout://" + layout
		base.Cause = "the base image " + name + " has no image for a platform of the build"
		if have, _ = platformsIn(ctx, layout, root); len(have) == 0 {
			return diag.WithHint(err, hint)
		}
	} else {
		if have, _ = PlatformsAt(ctx, b.Client(), base.Image); len(have) == 0 {
			return diag.WithHint(err, hint+"; \"docker buildx imagetools inspect "+base.Image+"\" lists its platforms")
		}
	}
	var lacks, has []string
	for _, e := range p.Extensions {
		for _, i := range e.Images {
			covered := slices.ContainsFunc(have, func(h v1.Platform) bool { return platforms.Only(i.Platform).Match(h) })
			if name := platform.Format(i.Platform); i.NeedsBuild() && !platform.IsZero(i.Platform) && !covered && !slices.Contains(lacks, name) {
				lacks = append(lacks, name)
			}
		}
	}
	if len(lacks) == 0 {
		return diag.WithHint(err, hint) // of another stage, or with a fixed platform in the Dockerfile
	}
	for _, h := range have {
		has = append(has, platform.Format(h))
	}
	base.Cause = fmt.Sprintf("the base image %s has no image for %s, only for %s", name, strings.Join(lacks, ", "), strings.Join(has, ", "))
	return diag.WithHint(err, hint)
}

// layoutOf returns the folder and digest of an OCI layout that replaces the
// image. BuildKit names it after the context.
func layoutOf(p *plan.Plan, image string) (string, digest.Digest, bool) {
	ref, err := imageref.ParseNormalizedNamed(image)
	digested, ok := ref.(imageref.Digested)
	if err != nil || !ok {
		return "", "", false
	}
	for _, e := range p.Extensions {
		if e.Build == nil {
			continue
		}
		for name, value := range e.Build.Contexts {
			named, err := imageref.ParseNormalizedNamed(name)
			if prefix, path, _ := plan.ContextPath(value); err == nil && prefix != "" && named.Name() == ref.Name() {
				return plan.LayoutFolder(path), digested.Digest(), true
			}
		}
	}
	return "", "", false
}

// platformsIn returns the platforms of an image in an OCI layout.
func platformsIn(ctx context.Context, dir string, root digest.Digest) ([]v1.Platform, error) {
	layout, err := ocilayout.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	defer layout.Close()
	index, err := layout.Index(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range index.Manifests {
		if m.Digest == root {
			return oci.Platforms(ctx, layout, m)
		}
	}
	return nil, nil
}

// PlatformsAt returns the platforms of a published image.
func PlatformsAt(ctx context.Context, client *registry.Client, image string) ([]v1.Platform, error) {
	ref, err := registry.ParseReference(image)
	if err != nil {
		return nil, err
	}
	src, err := client.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	return oci.Platforms(ctx, src, src.Root)
}
