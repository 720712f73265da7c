// Package exttest runs the test cases of extensions. A case has an application
// and says what the extension should change in the build and run image.
//
// For each case and platform, the lifecycle's own detector runs detect and
// generate in the build image; the Dockerfiles that generate wrote are then
// applied in order, as the lifecycle's extender does. Both happen in a builder,
// never on this machine, and nothing is published.
//
// The package decides what is built and judges the result. It does not run a
// builder itself: [Builder] does.
package exttest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/task"
)

// Subject is a packaged extension and its cases.
type Subject struct {
	// Name is how the user named it.
	Name string
	// ID, Version and API are the extension's.
	ID, Version, API string
	// Dir is the directory that cases may read, "" without one.
	Dir   string
	Cases []extension.TestCase
	// Layout is the absolute path of an OCI layout with the package.
	Layout string
	Images []Image
	// Partial is whether the package has some of the extension's platforms only.
	Partial bool
	// With are the images to test with, those of the request if it is zero.
	With With
}

// With are images to test with. BuilderImage has a build image, a lifecycle and
// the name of a run image; BuildImage, RunImage and Lifecycle replace these.
type With struct{ BuilderImage, BuildImage, RunImage, Lifecycle string }

// Or returns w, and the images of a descriptor where w has none. A build image
// of w replaces the builder image of the descriptor too.
func (w With) Or(own extension.Test) With {
	if w.BuildImage == "" && w.BuilderImage == "" {
		w.BuilderImage, w.BuildImage = own.BuilderImage.Value, own.BuildImage.Value
	}
	w.RunImage, w.Lifecycle = cmp.Or(w.RunImage, own.RunImage.Value), cmp.Or(w.Lifecycle, own.Lifecycle.Value)
	return w
}

// Image is an image of a package.
type Image struct {
	Platform v1.Platform
	// Any reports whether the image is for any platform.
	Any     bool
	Distros []extension.Distro
	Digest  digest.Digest
}

// String returns "id@version".
func (s *Subject) String() string { return s.ID + "@" + s.Version }

// Builder builds jobs.
type Builder interface {
	// Jobs builds the jobs that have an output and returns the results of all
	// that were built by name.
	Jobs(ctx context.Context, jobs []task.Job, dir string) (map[string]task.Result, error)
}

// Request is what to test, and with what.
type Request struct {
	Subjects []*Subject
	With
	// Platforms are those to test on; none means all of an extension.
	Platforms []v1.Platform
	// Update writes golden files instead of comparing them.
	Update bool
	// Keep is a directory for what each run made, "" for none.
	Keep   string
	Images runimage.Images
	// Local returns an OCI layout with an image of the Docker Engine, which is used
	// for names that cannot be pulled. ok is false if it has none. It may be nil.
	Local func(ctx context.Context, name string) (dir string, ok bool, err error)
	// Extension packages another extension, from a directory that a case names.
	Extension func(ctx context.Context, dir string) (*Subject, error)
	Builder   Builder
	// Log is called with what happens, since images may take long to pull. It may
	// be nil.
	Log func(format string, args ...any)
	// Support returns whether a platform is emulated, and why programs for it
	// cannot be relied on, or "".
	Support func(ctx context.Context, p v1.Platform) (emulated bool, reason string, err error)
}

// Status is how a case ended on a platform.
type Status string

// The values of [Status].
const (
	Passed Status = "passed"
	Failed Status = "failed"
	// NotRun is a platform that cannot be tested; the reason is in Result.
	NotRun Status = "not run"
)

// Failure is something that differs from what a case says.
type Failure struct {
	Position diag.Position
	Message  string
	// Detail is a diff, or the output of what failed.
	Detail string
}

// Result is how a case ended on a platform.
type Result struct {
	Extension, Case, Platform string
	// Emulated is whether the platform is not the builder's own.
	Emulated bool
	Position diag.Position
	Status   Status
	// Reason is why it was not run.
	Reason   string
	Failures []Failure
	// Output is what the lifecycle printed.
	Output string
	// Updated are the golden files that were written.
	Updated []string
	Time    time.Duration
}

// Run runs the cases of a request and returns their results, in the order of
// subjects, cases and platforms; subjects with the same images are run together.
// There are none if no case applies to the platforms. Its error is that the cases
// could not be run.
func Run(ctx context.Context, request Request) ([]Result, error) {
	if request.Log == nil {
		request.Log = func(string, ...any) {}
	}
	var results []Result
	for _, group := range request.groups() {
		own, err := group.run(ctx)
		if err != nil {
			return nil, err
		}
		results = append(results, own...)
	}
	return results, nil
}

// groups returns a request for all subjects with the same images.
func (r Request) groups() []Request {
	var groups []Request
	places := map[With]int{}
	for _, s := range r.Subjects {
		with := s.With
		if with == (With{}) {
			with = r.With
		}
		i, ok := places[with]
		if !ok {
			i = len(groups)
			places[with] = i
			group := r
			group.With, group.Subjects = with, nil
			groups = append(groups, group)
		}
		groups[i].Subjects = append(groups[i].Subjects, s)
	}
	return groups
}

// run runs the cases of subjects with the same images.
func (r Request) run(ctx context.Context) ([]Result, error) {
	temp, err := scratch.New()
	if err != nil {
		return nil, err
	}
	defer temp.Remove()
	all := &runner{Request: r, dir: temp.Path, bases: &bases{images: r.Images, local: r.Local}, made: map[string]task.Job{}}
	defer all.bases.close()
	if err := all.plan(ctx); err != nil {
		return nil, err
	}
	if err := all.support(ctx); err != nil {
		return nil, err
	}
	if err := all.detect(ctx); err != nil {
		return nil, err
	}
	if err := all.extend(ctx); err != nil {
		return nil, err
	}
	results := make([]Result, len(all.runs))
	for i, run := range all.runs {
		results[i] = run.result()
	}
	return results, all.keep(ctx)
}

// runner runs one request.
type runner struct {
	Request
	dir   string
	bases *bases
	runs  []*run
	// made are the jobs that extend images, keyed by everything that they
	// depend on.
	made map[string]task.Job
}

// run is a case on a platform.
type run struct {
	Result
	n        int
	subject  *Subject
	test     *extension.TestCase
	platform v1.Platform
	// order are the extensions that run, with the digests of their images.
	order []ordered
	// image is the image of the subject.
	image Image
	build *base
	// lifecycle is nil if the build image has it.
	lifecycle *base
	runImage  *base
	api       string
	// dir has the files of the run: its part of the context, and what was
	// exported.
	dir string
	// detected is what the detector left.
	detected *detected
	extended *extended
}

type ordered struct {
	*Subject
	digest digest.Digest
}

func (r *run) fail(pos diag.Position, detail, format string, args ...any) {
	r.Failures = append(r.Failures, Failure{Position: pos, Message: fmt.Sprintf(format, args...), Detail: detail})
}

// ended reports whether nothing more can be run.
func (r *run) ended() bool { return r.Status == NotRun || len(r.Failures) > 0 }

func (r *run) result() Result {
	if r.Status == "" {
		r.Status = Passed
		if len(r.Failures) > 0 {
			r.Status = Failed
		}
	}
	return r.Result
}
