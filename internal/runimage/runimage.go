// Package runimage resolves run images the way a platform does, and checks the
// images that the run.Dockerfiles of an extension switch to: that each of its
// targets gets one, that it has layers, and that its config is what the index
// says.
//
// Tools that take the name of an index for the name of an image see one without
// layers (pack: "image has no layers"); everything here goes through the index.
// It reads manifests and configs, never layers, runs no executable of an
// extension, and prints nothing.
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
)

// Images opens images; [Registry] does so.
type Images interface {
	// Open opens what a user names: a reference, a package file or a layout.
	Open(ctx context.Context, name string) (*Opened, error)
	// Pull opens what a Dockerfile names, which is a reference.
	Pull(ctx context.Context, ref registry.Reference) (*Opened, error)
}

// Opened is an image or index that can be read.
type Opened struct {
	content.Fetcher
	// Name is the name in full.
	Name string
	Root v1.Descriptor
	// Close may be nil.
	Close func() error
}

// Registry opens images through a client.
func Registry(client *registry.Client) Images { return opener{client} }

type opener struct{ client *registry.Client }

// Open takes the index.json of a layout for a table of contents: one that lists
// a single image, and no platform for it, stands for that image.
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

// Request is what to resolve. Without a name there must be a Dockerfile or an
// extension.
type Request struct {
	// Name is a run image: a reference, a package file or a layout directory.
	Name string
	// Targets are the platforms to resolve for, instead of those of the
	// extensions. With neither, every platform of an image is resolved.
	Targets []extension.Target
	// Extensions are directories, whose static run.Dockerfiles are read.
	Extensions []string
	// Dockerfiles are further files, read for every target.
	Dockerfiles []string
}

// Report is what was found. Its JSON is the output of "docker extpack run-image
// --format json".
type Report struct {
	// Images are those of the name that was asked for.
	Images      []Image      `json:"images"`
	Dockerfiles []Dockerfile `json:"dockerfiles,omitempty"`
	// Problems are what the check found wrong, one sentence each.
	Problems []string `json:"problems,omitempty"`
	// Warnings are about the extensions, and no part of the report.
	Warnings diag.List `json:"-"`
}

// Dockerfile is a run.Dockerfile, or the lack of one.
type Dockerfile struct {
	// File is empty when there is none to read; then Note says why.
	File string `json:"file,omitempty"`
	// Extension is "id@version"; empty for a file given by name.
	Extension string `json:"extension,omitempty"`
	// Targets are those the file is for; none stands for any platform.
	Targets []string `json:"targets,omitempty"`
	From    []From   `json:"from,omitempty"`
	Note    string   `json:"note,omitempty"`

	platforms []v1.Platform
	// dir is the extension root that the file must be below, and source its
	// path there; both are empty for a file given by name.
	dir, source string
}

// checker carries out one request.
type checker struct {
	images   Images
	report   *Report
	problems diag.List
	failures []error
	pulled   map[string]*pulled
}

// pulled is a reference that was opened, or why it cannot be.
type pulled struct {
	image *RunImage
	err   error
}

// Check resolves what the request names. The report holds what could be
// resolved even when the error is not nil: a [*diag.InvalidError] with every
// problem that was found, or else a failure to read, joined with the problems
// found by then.
func Check(ctx context.Context, images Images, request Request) (*Report, error) {
	c := &checker{images: images, report: &Report{Images: []Image{}}, pulled: map[string]*pulled{}}
	var wanted []v1.Platform
	for _, t := range request.Targets {
		wanted = appendPlatform(wanted, platform.Of(t))
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

// plan finds the targets of the extensions, unless the request has its own.
func (c *checker) plan(ctx context.Context, request Request, wanted *[]v1.Platform) ([]*plan.Extension, error) {
	if len(request.Extensions) == 0 {
		return nil, nil
	}
	p, warnings, err := plan.New(ctx, request.Extensions, plan.Options{Targets: request.Targets})
	c.report.Warnings = warnings
	if diag.IsInvalid(err) {
		c.problems = append(c.problems, diag.Of(err)...)
	} else if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, nil
	}
	if len(request.Targets) == 0 {
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

// fail keeps an error: as a problem when the input is at fault, and else as a
// failure, which says nothing about the images.
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
		// Whoever could not be asked decides: the check is not complete.
		errs = append(errs, errors.New(diag.Text(err)))
	}
	return errors.Join(errs...)
}
