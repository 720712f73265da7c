// Package runimage resolves run images as buildpacks platforms do, and checks
// the images that the run.Dockerfiles of an extension switch to: each target
// has an image, it has layers, and its config matches the index.
//
// Tools that treat an index as an image find no layers (pack: "image has no
// layers"), so this package always resolves indexes. It reads manifests and
// configs, never layers, and does not run executables of an extension.
package runimage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/workspace"
)

// Images opens images; [Registry] does so.
type Images interface {
	// Open opens a reference, a package file or a layout that the user named.
	Open(ctx context.Context, name string) (*Opened, error)
	// Pull opens a reference in a Dockerfile.
	Pull(ctx context.Context, ref registry.Reference) (*Opened, error)
}

// Opened is an open image or index.
type Opened struct {
	content.Fetcher
	// Name is the full name.
	Name string
	Root v1.Descriptor
	// Close may be nil.
	Close func() error
}

// Registry opens images with a client.
func Registry(client *registry.Client) Images { return opener{client} }

type opener struct{ client *registry.Client }

// Open treats an index.json that lists a single image without a platform as
// that image.
func (o opener) Open(ctx context.Context, name string) (*Opened, error) {
	src, err := source.Open(ctx, o.client, name)
	if err != nil {
		return nil, err
	}
	opened := &Opened{Fetcher: src, Name: src.Name, Root: src.Root, Close: src.Close}
	if store, ok := src.ReadOnlyStorage.(ocilayout.Store); ok {
		index, err := store.Index(ctx)
		if err != nil {
			src.Close()
			return nil, err
		}
		if m := index.Manifests; len(m) == 1 && m[0].Platform == nil && oci.IsManifest(m[0].MediaType) {
			opened.Root = m[0]
		}
	}
	return opened, nil
}

func (o opener) Pull(ctx context.Context, ref registry.Reference) (*Opened, error) {
	src, err := o.client.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &Opened{Fetcher: src, Name: ref.String(), Root: src.Root}, nil
}

// Request is what to resolve: a name, Dockerfiles or extensions.
type Request struct {
	// Name is a run image: a reference, a package file or a layout directory.
	Name string
	// Platforms are the normalized platforms to resolve, instead of those of the
	// extensions. If there are neither, all platforms of an image are resolved.
	Platforms []v1.Platform
	// Extensions are directories whose static run.Dockerfiles are read.
	Extensions []string
	// Dockerfiles are additional files, read for every target.
	Dockerfiles []string
}

// Report is the result. Its JSON form is the output of "docker extpack
// run-image --format json".
type Report struct {
	// Images are the images of the requested name.
	Images []Image `json:"images"`
	// Dockerfiles are the run.Dockerfiles that were read.
	Dockerfiles []Dockerfile `json:"dockerfiles,omitempty"`
	// Problems are the problems that were found, one sentence each.
	Problems []string `json:"problems,omitempty"`
	// Warnings are about the extensions, and not part of the report.
	Warnings diag.List `json:"-"`
}

// Dockerfile is a run.Dockerfile, or the reason why there is none.
type Dockerfile struct {
	// File is the path of the file. It is empty if there is no file to read; the
	// note is then the reason.
	File string `json:"file,omitempty"`
	// Extension is "id@version". It is empty for a file that was specified by
	// name.
	Extension string `json:"extension,omitempty"`
	// Targets are the targets of the file; none means any platform.
	Targets []string `json:"targets,omitempty"`
	// From are its FROM instructions.
	From []From `json:"from,omitempty"`
	// Note is the reason why there is no file, or nothing to check.
	Note string `json:"note,omitempty"`

	platforms []v1.Platform
	// dir is the extension root that the file must be below, and source its
	// relative path. Both are empty for a file that was specified by name.
	dir, source string
}

// checker executes one request.
type checker struct {
	images   Images
	report   *Report
	problems diag.List
	failures []error
	pulled   map[string]*pulled
}

// pulled is a reference that was opened, or the error.
type pulled struct {
	image *RunImage
	err   error
}

// Check resolves the images of a request. The report is valid even if there is
// an error: a [*diag.InvalidError] with every problem, or a failure to read,
// joined with the problems that were found before.
func Check(ctx context.Context, images Images, request Request) (*Report, error) {
	c := &checker{images: images, report: &Report{Images: []Image{}}, pulled: map[string]*pulled{}}
	var wanted []v1.Platform
	for _, p := range request.Platforms {
		wanted = appendPlatform(wanted, bare(p))
	}
	planned, err := c.plan(ctx, request, &wanted)
	if err != nil {
		return c.report, err
	}
	if request.Name != "" {
		c.resolveName(ctx, request.Name, wanted)
	}
	for _, e := range planned {
		if err := c.readExtension(ctx, e); err != nil {
			return c.report, err
		}
	}
	for _, name := range request.Dockerfiles {
		c.addFile(name, wanted)
	}
	for i := range c.report.Dockerfiles {
		c.resolveFrom(ctx, &c.report.Dockerfiles[i])
	}
	if err := context.Cause(ctx); err != nil {
		return c.report, err
	}
	return c.report, c.result()
}

// plan finds the targets of the extensions, unless the request has platforms.
func (c *checker) plan(ctx context.Context, request Request, wanted *[]v1.Platform) ([]*plan.Extension, error) {
	if len(request.Extensions) == 0 {
		return nil, nil
	}
	opts := plan.Options{Defaults: workspace.DefaultsOf}
	for _, p := range request.Platforms {
		opts.Targets = append(opts.Targets, extension.Target{OS: p.OS, Arch: p.Architecture, Variant: p.Variant})
	}
	p, warnings, err := plan.New(ctx, request.Extensions, opts)
	c.report.Warnings = warnings
	if diag.IsInvalid(err) {
		c.problems = append(c.problems, diag.Of(err)...)
	} else if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, nil
	}
	if len(request.Platforms) == 0 {
		for _, e := range p.Extensions {
			for _, image := range e.Images {
				if !image.Any && !platform.IsZero(image.Platform) {
					*wanted = appendPlatform(*wanted, bare(image.Platform))
				}
			}
		}
	}
	return p.Extensions, nil
}

// appendPlatform adds p once: images that differ in their distro have one
// platform.
func appendPlatform(list []v1.Platform, p v1.Platform) []v1.Platform {
	if slices.ContainsFunc(list, func(other v1.Platform) bool { return platform.Equal(p, other) }) {
		return list
	}
	return append(list, p)
}

func (c *checker) resolveName(ctx context.Context, name string, wanted []v1.Platform) {
	opened, err := c.images.Open(ctx, name)
	if err != nil {
		c.fail(diag.Position{}, err)
		return
	}
	if opened.Close != nil {
		defer func() { _ = opened.Close() }() // read only
	}
	r, err := Read(ctx, opened.Name, opened, opened.Root)
	if err != nil {
		c.fail(diag.Position{}, err)
		return
	}
	c.report.Images = append(c.report.Images, c.resolve(ctx, diag.Position{}, r, wanted)...)
}

func (c *checker) resolve(ctx context.Context, at diag.Position, r *RunImage, wanted []v1.Platform) []Image {
	images, problems, err := r.Resolve(ctx, wanted)
	for _, s := range problems {
		c.problems.Errorf(at, "%s", s)
	}
	if err != nil {
		c.fail(at, err)
	}
	return images
}

// fail records an error: as a problem if the input is invalid, or else as a
// failure.
func (c *checker) fail(at diag.Position, err error) {
	if !diag.IsInvalid(err) {
		if at.File != "" {
			err = fmt.Errorf("%s: %w", at, err)
		}
		c.failures = append(c.failures, err)
		return
	}
	for _, d := range diag.Of(err) {
		if d.File == "" {
			d.Position = at
		}
		c.problems = append(c.problems, d)
	}
}

func (c *checker) result() error {
	for _, d := range c.problems {
		c.report.Problems = append(c.report.Problems, d.String())
	}
	if len(c.failures) == 0 {
		return c.problems.Err()
	}
	errs := slices.Clone(c.failures)
	if err := c.problems.Err(); err != nil {
		// A failure to read takes precedence, because the check is incomplete.
		errs = append(errs, errors.New(diag.Text(err)))
	}
	return errors.Join(errs...)
}
