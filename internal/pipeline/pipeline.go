// Package pipeline runs the steps of a build in their one direction: a plan
// goes to an engine, which fills OCI layouts; those are annotated, verified,
// and only when every extension of the run is right, handed to destinations.
//
// It knows the order and what happens on failure; the steps themselves live in
// the packages it calls, and engines are given to it.
package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/verify"
)

// Engine builds the images of a plan.
type Engine interface {
	// Build fills OCI layouts below dir, an empty folder of its own. Every
	// image of the plan is in exactly one of them.
	Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error)
}

// Destination is where a package goes. Put either leaves all of the package
// there or changes nothing that anyone could see, and returns the references
// under which it is now found.
type Destination interface {
	Put(ctx context.Context, pkg *annotate.Package) ([]string, error)
}

// Options say how a run is done.
type Options struct {
	Annotate annotate.Options
	// Force builds and puts packages even where they are already.
	Force bool
	// AllowPlatformMismatch lets binaries of another platform pass.
	AllowPlatformMismatch bool
	// Destinations gives where the package of an extension goes, at least one.
	Destinations func(e *plan.Extension) []Destination
	// Warn is told what the checks find that is no error.
	Warn func(e *plan.Extension, f verify.Finding)
	// Verified is told of each package that passed.
	Verified func(e *plan.Extension, images []annotate.Image)
	// Unchanged is told of each package that needs nothing.
	Unchanged func(e *plan.Extension)
}

// Result is what became of an extension.
type Result struct {
	Extension *plan.Extension
	Root      v1.Descriptor
	Images    []annotate.Image
	// References are where the package is: "repo:tag@sha256:…", or a path.
	References []string
	// Unchanged says that it was there before, and nothing was built.
	Unchanged bool
}

// Run makes the packages of a plan, apart from those that are already where
// they should go. On an error the results tell what had been put to its
// destinations before. Temporary files are gone when it returns.
func Run(ctx context.Context, p *plan.Plan, engine Engine, opts Options) ([]Result, error) {
	results := make([]Result, len(p.Extensions))
	todo := &plan.Plan{}
	var places []int // of todo's extensions in p
	for i, e := range p.Extensions {
		if !opts.Force {
			if result, ok := unchanged(ctx, e, opts); ok {
				results[i] = result
				opts.Unchanged(e)
				continue
			}
		}
		todo.Extensions = append(todo.Extensions, e)
		places = append(places, i)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if len(todo.Extensions) == 0 {
		return results, nil
	}
	made, err := build(ctx, todo, engine, opts)
	for i, result := range made {
		results[places[i]] = result
	}
	if err != nil {
		results = slices.DeleteFunc(results, func(r Result) bool { return r.Extension == nil })
	}
	return results, err
}

// build makes the packages of a plan in a temporary folder and publishes them.
func build(ctx context.Context, p *plan.Plan, engine Engine, opts Options) ([]Result, error) {
	dir, err := os.MkdirTemp("", "extpack-")
	if err != nil {
		return nil, fmt.Errorf("creating temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("creating temporary folder: %w", err)
	}
	work := filepath.Join(dir, "engine")
	if err := os.Mkdir(work, 0o755); err != nil {
		return nil, fmt.Errorf("creating temporary folder: %w", err)
	}
	built, err := engine.Build(ctx, p, work)
	if err != nil {
		return nil, err
	}
	r := &runner{opts: opts}
	defer r.close()
	packages := make([]*annotate.Package, len(p.Extensions))
	for i, e := range p.Extensions {
		if packages[i], err = r.prepare(ctx, e, built, filepath.Join(dir, "package-"+strconv.Itoa(i))); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Descriptor.Info, err)
		}
	}
	return publish(ctx, p, packages, opts)
}

// publish hands over what has been found right. An extension that cannot be
// put where it should go ends the run; those before it stay.
func publish(ctx context.Context, p *plan.Plan, packages []*annotate.Package, opts Options) ([]Result, error) {
	var results []Result
	for i, e := range p.Extensions {
		result := Result{Extension: e, Root: packages[i].Root, Images: packages[i].Images}
		for _, d := range opts.Destinations(e) {
			var refs []string
			err := context.Cause(ctx)
			if err == nil {
				refs, err = d.Put(ctx, packages[i])
			}
			result.References = append(result.References, refs...)
			if err != nil {
				if len(result.References) > 0 {
					results = append(results, result)
				}
				return results, fmt.Errorf("%s: %w", e.Descriptor.Info, err)
			}
		}
		results = append(results, result)
	}
	return results, nil
}

type runner struct {
	opts    Options
	layouts []*ocilayout.Layout
}

func (r *runner) close() {
	for _, l := range r.layouts {
		l.Close()
	}
}

// prepare annotates and verifies one extension.
func (r *runner) prepare(ctx context.Context, e *plan.Extension, built []plan.Built, dir string) (*annotate.Package, error) {
	var sources []annotate.Source
	for _, b := range built {
		if b.Extension != e {
			continue
		}
		l, err := ocilayout.OpenDir(b.Dir)
		if err != nil {
			return nil, fmt.Errorf("reading build result: %w", err)
		}
		r.layouts = append(r.layouts, l)
		sources = append(sources, annotate.Source{Layout: l, Images: b.Images, Shared: b.Shared})
	}
	dst, err := ocilayout.Create(dir)
	if err != nil {
		return nil, err
	}
	r.layouts = append(r.layouts, dst)
	pkg, err := annotate.Make(ctx, dst, e, sources, r.opts.Annotate)
	if err != nil {
		return nil, err
	}
	return pkg, r.check(ctx, e, pkg)
}

func (r *runner) check(ctx context.Context, e *plan.Extension, pkg *annotate.Package) error {
	findings, err := verify.Check(ctx, pkg.Layout, pkg.Root, verify.Options{
		Promise:               promise(e, pkg),
		AllowPlatformMismatch: r.opts.AllowPlatformMismatch,
	})
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	for _, f := range findings {
		if f.Severity == verify.Warning {
			r.opts.Warn(e, f)
		}
	}
	if err := verify.Err(findings); err != nil {
		return err
	}
	r.opts.Verified(e, pkg.Images)
	return nil
}

// promise says what the package must hold. Where the plan left the platform to
// the builder, what it made is the promise.
func promise(e *plan.Extension, pkg *annotate.Package) *verify.Promise {
	info := e.Descriptor.Info
	p := &verify.Promise{ID: info.ID, Version: info.Version}
	for i, image := range pkg.Images {
		promised := verify.PromisedImage{Platform: image.Platform, Stage: e.Images[i].NeedsBuild()}
		if a := image.Descriptor.Annotations; a != nil {
			promised.DistroName = e.Images[i].Distros[0].Name
			promised.DistroVersion = e.Images[i].Distros[0].Version
		}
		p.Images = append(p.Images, promised)
	}
	return p
}
