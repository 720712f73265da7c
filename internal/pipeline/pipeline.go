// Package pipeline runs the steps of a build: an engine builds a plan into OCI
// layouts, which are annotated, verified and written to destinations. Nothing
// is written to a destination before all packages have been verified.
//
// It defines the order and the handling of failures. Other packages implement
// the steps, and the caller passes the engine.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/verify"
)

// Engine builds the images of a plan.
type Engine interface {
	// Build writes OCI layouts below dir, an empty folder. Every image of the
	// plan is in exactly one of them.
	Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error)
}

// Destination is a place to write a package to. Put writes either all of the
// package or nothing visible, and returns the references of the written
// package.
type Destination interface {
	Put(ctx context.Context, pkg *annotate.Package) ([]string, error)
}

// Options are the options of a run.
type Options struct {
	Annotate annotate.Options
	// Force builds and writes packages that destinations already have.
	Force bool
	// Unpredictable reports whether the engine adds content that the plan does
	// not determine: overrides, attestations, or a cache.
	Unpredictable bool
	// KeepGoing publishes the packages that pass even if others fail.
	KeepGoing bool
	// AllowPlatformMismatch permits binaries for another platform.
	AllowPlatformMismatch bool
	// AllowSecrets disables the warnings of secrets and large files in the
	// output of build stages.
	AllowSecrets bool
	// Destinations returns the destinations of the package of an extension, at
	// least one.
	Destinations func(e *plan.Extension) []Destination
	// Warn is called with findings that are not errors. Like the following
	// functions, it may be called concurrently.
	Warn func(e *plan.Extension, f verify.Finding)
	// Annotated is called for each package when it has its labels and
	// annotations. It may be nil.
	Annotated func(e *plan.Extension, pkg *annotate.Package)
	// Verified is called for each package that passed.
	Verified func(e *plan.Extension, images []annotate.Image)
	// Try is called for each package that passed, before it is written. An
	// error holds it back. The layout of the package is in its directory then. It
	// may be nil.
	Try func(ctx context.Context, e *plan.Extension, pkg *annotate.Package) error
	// Unchanged is called for each package that all destinations already have.
	Unchanged func(e *plan.Extension)
}

// Result is the result for an extension.
type Result struct {
	Extension *plan.Extension
	Root      v1.Descriptor
	Images    []annotate.Image
	// References are the locations of the package: "repo:tag@sha256:…", or a
	// path.
	References []string
	// Unchanged reports whether it already existed, so that nothing was built.
	Unchanged bool
}

// Numbers of extensions that are processed concurrently: packing them takes
// processors, publishing them takes round trips.
const (
	packAtOnce    = 4
	publishAtOnce = 32
)

// Run builds the packages of a plan, except those that all destinations already
// have. If one fails, none is published unless Options.KeepGoing is set; the
// error is a [*HeldBackError] if others passed. On any error, the results are
// those of the extensions that were written. Run removes its temporary files.
func Run(ctx context.Context, p *plan.Plan, engine Engine, opts Options) ([]Result, error) {
	r := &run{ctx: ctx, plan: p, opts: opts, results: make([]Result, len(p.Extensions)), errs: make([]error, len(p.Extensions))}
	todo, places := r.findChanged(predictorOf(engine))
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var err error
	if len(todo.Extensions) > 0 {
		err = r.build(todo, places, engine)
	} else {
		scratch.Sweep()
	}
	if err == nil {
		err = errors.Join(r.errs...)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = errors.Join(cause, err)
	}
	return slices.DeleteFunc(r.results, func(r Result) bool { return len(r.References) == 0 }), err
}

// run is one call of Run. results and errs are indexed by the position of an
// extension in the plan.
type run struct {
	ctx     context.Context
	plan    *plan.Plan
	opts    Options
	results []Result
	errs    []error
}

// forEach calls f for the numbers below n, atOnce of them concurrently.
func forEach(n, atOnce int, f func(i int)) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error { f(i); return nil })
	}
	_ = group.Wait() // the functions return no errors
}

// findChanged returns the extensions to build, and their positions.
func (r *run) findChanged(engine predictor) (*plan.Plan, []int) {
	done := make([]bool, len(r.plan.Extensions))
	if !r.opts.Force {
		forEach(len(done), publishAtOnce, func(i int) {
			r.results[i], done[i] = unchanged(r.ctx, r.plan.Extensions[i], engine, r.opts)
		})
	}
	todo := &plan.Plan{}
	var places []int
	for i, e := range r.plan.Extensions {
		if done[i] {
			r.opts.Unchanged(e)
			continue
		}
		r.results[i] = Result{}
		todo.Extensions = append(todo.Extensions, e)
		places = append(places, i)
	}
	return todo, places
}

// build runs the engine in a temporary folder, and prepares a package of each
// extension. It returns the error of the engine; errors of packages are in
// errs.
func (r *run) build(todo *plan.Plan, places []int, engine Engine) error {
	temp, err := scratch.New()
	if err != nil {
		return err
	}
	defer temp.Remove()
	dir := temp.Path
	work := filepath.Join(dir, "engine")
	if err := os.Mkdir(work, 0o755); err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	built, err := r.runEngine(todo, places, engine, work)
	if err != nil {
		return err
	}
	defer closeBuilt(nil, built)
	packages := make([]*prepared, len(todo.Extensions))
	forEach(len(packages), packAtOnce, func(i int) {
		e, place := todo.Extensions[i], places[i]
		if r.errs[place] != nil {
			return // not built
		}
		var err error
		packages[i], err = r.prepare(e, built, filepath.Join(dir, "package-"+strconv.Itoa(i)))
		r.errs[place] = named(e, err)
	})
	defer closeAll(packages)
	forEach(len(packages), publishAtOnce, func(i int) {
		if packages[i] == nil {
			return
		}
		e, place := todo.Extensions[i], places[i]
		if err := checkTags(r.ctx, r.opts.Destinations(e), packages[i].pkg); err != nil {
			r.errs[place] = named(e, err)
			packages[i].close()
			packages[i] = nil
		}
	})
	if held := r.heldBack(todo, packages); held != nil && !r.opts.KeepGoing {
		return held
	}
	forEach(len(packages), publishAtOnce, func(i int) {
		if packages[i] == nil {
			return
		}
		e, place := todo.Extensions[i], places[i]
		result, err := r.publish(e, packages[i].pkg)
		r.results[place], r.errs[place] = result, named(e, err)
	})
	return nil
}

// runEngine builds the plan. If that fails and KeepGoing is set, it builds the
// extensions one by one to find those that fail.
func (r *run) runEngine(todo *plan.Plan, places []int, engine Engine, dir string) ([]plan.Built, error) {
	built, err := engine.Build(r.ctx, todo, dir)
	if err == nil || !r.opts.KeepGoing || len(todo.Extensions) == 1 || context.Cause(r.ctx) != nil {
		return built, err
	}
	built = nil
	for i, e := range todo.Extensions {
		one := filepath.Join(dir, "extension-"+strconv.Itoa(i))
		if err := os.Mkdir(one, 0o755); err != nil {
			return nil, fmt.Errorf("creating temporary folder: %w", err)
		}
		made, err := engine.Build(r.ctx, &plan.Plan{Extensions: []*plan.Extension{e}}, one)
		if context.Cause(r.ctx) != nil {
			return nil, err
		}
		r.errs[places[i]] = named(e, err)
		built = append(built, made...)
	}
	return built, nil
}

// named adds the name of the extension to each line of an error.
func named(e *plan.Extension, err error) error {
	if err == nil {
		return nil
	}
	name := e.Descriptor.Info.String()
	if failed, ok := errors.AsType[*verify.FailedError](err); ok {
		failed.Package = name
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// publish writes a package to its destinations. On an error, the result has the
// references that were written before.
func (r *run) publish(e *plan.Extension, pkg *annotate.Package) (Result, error) {
	result := Result{Extension: e, Root: pkg.Root, Images: pkg.Images}
	for _, d := range r.opts.Destinations(e) {
		if err := context.Cause(r.ctx); err != nil {
			return result, err
		}
		ctx := r.ctx
		if _, merges := d.(Append); !merges { // which reads what others have built
			ctx = oci.WithoutBudget(ctx)
		}
		refs, err := d.Put(ctx, pkg)
		result.References = append(result.References, refs...)
		if err != nil {
			return result, err
		}
	}
	return result, nil
}
