// Package doctor finds out whether the next build would work, and says why
// not: the docker CLI, buildx, the builder and its nodes, the platforms they
// can run, the registries, and this machine. Where it can, it tries instead of
// reading versions: it builds a tiny image and begins a push.
//
// It changes nothing anywhere but the build cache, and prints nothing.
package doctor

import (
	"context"
	"sync"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/registry"
)

// State is what a check found.
type State string

// An Error would make a build fail; a Warning might, or makes it slow.
const (
	OK      State = "ok"
	Warning State = "warning"
	Error   State = "error"
)

// Check is one thing that was looked at.
type Check struct {
	// Name tells what, the same in every run: "docker", "buildx", ….
	Name string `json:"name"`
	// Subject is which one of several: a node, an extension, a registry.
	Subject string `json:"subject,omitempty"`
	State   State  `json:"state"`
	// Message is one sentence.
	Message string `json:"message"`
	// Fix is what to do about it, a command where there is one.
	Fix string `json:"fix,omitempty"`
}

// Report is what the doctor found.
type Report struct {
	// State is the worst of the checks'.
	State   State   `json:"state"`
	Builder string  `json:"builder,omitempty"`
	Checks  []Check `json:"checks"`
}

// Count returns the number of checks in a state.
func (r *Report) Count(s State) int {
	n := 0
	for _, c := range r.Checks {
		if c.State == s {
			n++
		}
	}
	return n
}

// Extension is what has to be built.
type Extension struct {
	Name string
	// Platforms are its targets; one without a name is the builder's own.
	Platforms []v1.Platform
	// Asked are those that the builder is asked for: of equal images only one.
	Asked []v1.Platform
	// Compiles tells that it has a build stage, and Runs are the platforms that
	// one runs something on; other stages only copy, or cross-compile.
	Compiles bool
	Runs     []v1.Platform
	// Smoke tells that its programs are run too, once they are built.
	Smoke bool
	// Size is that of its files in all images.
	Size int64
	// Tags are where it is published, Pulls the registry hosts that its base
	// images and caches come from.
	Tags  []registry.Reference
	Pulls []string
}

// Docker is what is known of the docker CLI and the engine of its context.
type Docker struct {
	Version, Context string
	// Server is the engine's version, empty when none answers, for the reason
	// in Err.
	Server, Err string
	// Time is the engine's clock when it was asked, zero when unknown.
	Time, Asked time.Time
}

// Registry is what is asked of registries.
type Registry interface {
	CheckPush(ctx context.Context, ref registry.Reference) (registry.Access, error)
	Probe(ctx context.Context, host string) (registry.Access, error)
}

// Patient is what is examined.
type Patient struct {
	// Plugin is our own version.
	Plugin string
	// Docker asks the docker CLI; nil when there is none.
	Docker func(ctx context.Context) (Docker, error)
	// Buildx is the user's, at Path in Version, or nil for the reason in
	// BuildxErr; BuildxWarning is what is doubtful about it.
	Buildx               buildx.Runner
	Path, Version        string
	BuildxErr            error
	BuildxWarning        string
	Builder, BuilderFrom string // empty for the current one; who names it
	Extensions           []Extension
	ExtensionErr         error // why they could not be read
	// NoExtension tells that none was named, and none is in the working directory.
	NoExtension    bool
	Registry       Registry
	Temp, StateDir string
	StateErr       error // why StateDir is unknown
	// Free returns how many bytes may still be written below a folder.
	Free func(dir string) (uint64, error)
}

type examination struct {
	Patient
	docker  *Docker
	builder *buildx.Builder
	clocks  []clock
	// mute tells that a node does not answer, without an error by which buildx
	// would pass over it.
	mute bool
	// broken tells that a build would fail for a reason that was found already.
	broken bool
}

// Examine makes all checks that can be made. It fails only when ctx ends.
func Examine(ctx context.Context, p Patient) (*Report, error) {
	e := &examination{Patient: p}
	var (
		wg         sync.WaitGroup
		registries []Check
		clocks     []clock
	)
	wg.Go(func() { registries, clocks = e.registries(ctx) })
	r := &Report{State: OK}
	r.Checks = append(r.Checks, e.checkDocker(ctx), e.checkPlugin(), e.checkBuildx())
	r.Checks = append(r.Checks, e.checkState()...)
	r.Checks = append(r.Checks, e.checkExtensions()...)
	if e.Buildx != nil {
		r.Checks = append(r.Checks, e.checkBuilder(ctx)...)
	}
	if e.builder != nil {
		r.Builder = e.builder.Name
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	e.clocks = append(e.clocks, clocks...)
	r.Checks = append(r.Checks, registries...)
	r.Checks = append(r.Checks, e.checkPulls(ctx)...)
	r.Checks = append(r.Checks, e.checkDisk()...)
	r.Checks = append(r.Checks, e.checkClock())
	if n := r.Count(Error); n > 0 {
		r.State = Error
	} else if r.Count(Warning) > 0 {
		r.State = Warning
	}
	return r, context.Cause(ctx)
}
