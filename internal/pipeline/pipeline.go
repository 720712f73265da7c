// Package pipeline runs the steps of a build in their one direction: a plan
// goes to an engine, which fills OCI layouts; those are annotated, verified,
// and what is right is handed to destinations. The extensions of a run are each
// other's equals: one that is wrong is not published, and holds back no other.
//
// It knows the order and what happens on failure; the steps themselves live in
// the packages it calls, and engines are given to it.
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
	// Warn is told what the checks find that is no error. Like the following, it
	// may be called from several goroutines at once.
	Warn func(e *plan.Extension, f verify.Finding)
	// Verified is told of each package that passed.
	Verified func(e *plan.Extension, images []annotate.Image)
	// Try is asked about each package that passed, before it goes anywhere; an
	// error keeps it back. It may be nil.
	Try func(ctx context.Context, e *plan.Extension, pkg *annotate.Package) error
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

// atOnce is how many extensions are annotated, verified and published at once.
const atOnce = 4

// Run makes the packages of a plan, apart from those that are already where
// they should go. An extension that fails does not take the others with it: on
// an error the results are those of the extensions that are done. Temporary
// files are gone when it returns.
func Run(ctx context.Context, p *plan.Plan, engine Engine, opts Options) ([]Result, error) {
	r := &run{ctx: ctx, plan: p, opts: opts, results: make([]Result, len(p.Extensions)), errs: make([]error, len(p.Extensions))}
	todo, places := r.findChanged()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var err error
	if len(todo.Extensions) > 0 {
		err = r.build(todo, places, engine)
	}
	if err == nil {
		err = errors.Join(r.errs...)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = errors.Join(cause, err)
	}
	return slices.DeleteFunc(r.results, func(r Result) bool { return len(r.References) == 0 }), err
}

// run is one call of Run; results and errs are by the place of an extension in
// the plan.
type run struct {
	ctx     context.Context
	plan    *plan.Plan
	opts    Options
	results []Result
	errs    []error
}

// forEach calls f for numbers below n, several at once.
func forEach(n int, f func(i int)) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error { f(i); return nil })
	}
	_ = group.Wait() // f returns no errors
}

// findChanged gives the extensions that have to be built, with their places.
func (r *run) findChanged() (*plan.Plan, []int) {
	done := make([]bool, len(r.plan.Extensions))
	if !r.opts.Force {
		forEach(len(done), func(i int) {
			r.results[i], done[i] = unchanged(r.ctx, r.plan.Extensions[i], r.opts)
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

// build has the engine build a plan in a temporary folder, and makes a package
// of each extension. Its error is the engine's; those of packages are in errs.
func (r *run) build(todo *plan.Plan, places []int, engine Engine) error {
	dir, err := os.MkdirTemp("", "extpack-")
	if err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	work := filepath.Join(dir, "engine")
	if err := os.Mkdir(work, 0o755); err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	built, err := engine.Build(r.ctx, todo, work)
	if err != nil {
		return err
	}
	forEach(len(todo.Extensions), func(i int) {
		e, place := todo.Extensions[i], places[i]
		result, err := r.finish(e, built, filepath.Join(dir, "package-"+strconv.Itoa(i)))
		r.results[place], r.errs[place] = result, named(e, err)
	})
	return nil
}

// named says of which extension an error is, on each line of those that have
// several.
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

// finish annotates, verifies and hands over one extension. The result has the
// references that were reached before an error.
func (r *run) finish(e *plan.Extension, built []plan.Built, dir string) (Result, error) {
	result := Result{Extension: e}
	p := &preparer{opts: r.opts}
	defer p.close()
	pkg, err := p.prepare(r.ctx, e, built, dir)
	if err != nil {
		return result, err
	}
	result.Root, result.Images = pkg.Root, pkg.Images
	for _, d := range r.opts.Destinations(e) {
		if err := context.Cause(r.ctx); err != nil {
			return result, err
		}
		refs, err := d.Put(r.ctx, pkg)
		result.References = append(result.References, refs...)
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

// preparer makes the package of one extension in a layout of its own.
type preparer struct {
	opts    Options
	layouts []*ocilayout.Layout
}

func (r *preparer) close() {
	for _, l := range r.layouts {
		l.Close()
	}
}

// prepare annotates and verifies one extension.
func (r *preparer) prepare(ctx context.Context, e *plan.Extension, built []plan.Built, dir string) (*annotate.Package, error) {
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

func (r *preparer) check(ctx context.Context, e *plan.Extension, pkg *annotate.Package) error {
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
	if r.opts.Try == nil {
		return nil
	}
	return r.opts.Try(ctx, e, pkg)
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
