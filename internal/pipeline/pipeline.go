// Package pipeline runs the steps of a build in their one direction: a plan
// goes to an engine, which fills OCI layouts; those are annotated, verified and
// handed to destinations. Nothing of a run goes anywhere before all of it has
// been verified.
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
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/scratch"
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
	// KeepGoing publishes the packages that pass although others fail.
	KeepGoing bool
	// AllowPlatformMismatch lets binaries of another platform pass.
	AllowPlatformMismatch bool
	// AllowSecrets leaves out warnings of what a build stage leaves that should
	// not be in a package.
	AllowSecrets bool
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
// they should go. When one of them fails, none is published, unless
// Options.KeepGoing says otherwise; the error then is a [*HeldBackError] where
// others had passed. On any error the results are those of the extensions that
// are where they should be. Temporary files are gone when it returns.
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
	packages := make([]*prepared, len(todo.Extensions))
	forEach(len(packages), func(i int) {
		e, place := todo.Extensions[i], places[i]
		if r.errs[place] != nil {
			return // was not built
		}
		var err error
		packages[i], err = r.prepare(e, built, filepath.Join(dir, "package-"+strconv.Itoa(i)))
		r.errs[place] = named(e, err)
	})
	defer closeAll(packages)
	if held := r.heldBack(todo, packages); held != nil && !r.opts.KeepGoing {
		return held
	}
	forEach(len(packages), func(i int) {
		if packages[i] == nil {
			return
		}
		e, place := todo.Extensions[i], places[i]
		result, err := r.publish(e, packages[i].pkg)
		r.results[place], r.errs[place] = result, named(e, err)
	})
	return nil
}

// runEngine builds the plan. When that fails and KeepGoing is set, the
// extensions are built one by one, to learn which of them fail.
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

// heldBack returns an error when some extension failed, with the names of those
// that did not, nil when none did.
func (r *run) heldBack(todo *plan.Plan, packages []*prepared) error {
	failed := errors.Join(r.errs...)
	if failed == nil {
		return nil
	}
	var passed []string
	for i, p := range packages {
		if p != nil {
			passed = append(passed, todo.Extensions[i].Descriptor.Info.String())
		}
	}
	if len(passed) == 0 {
		return failed
	}
	return diag.WithHint(&HeldBackError{Err: failed, Passed: passed}, "publish what passes with --keep-going")
}

// HeldBackError is a run of which nothing was published because some of its
// packages failed.
type HeldBackError struct {
	// Err is what failed.
	Err error
	// Passed names the extensions whose packages are right.
	Passed []string
}

func (e *HeldBackError) Error() string {
	return fmt.Sprintf("%v\nnothing was published, also not %s", e.Err, strings.Join(e.Passed, ", "))
}

// Unwrap returns what failed.
func (e *HeldBackError) Unwrap() error { return e.Err }

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

// publish hands a package over. The result has the references that were
// reached before an error.
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
