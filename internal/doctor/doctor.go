// Package doctor checks whether the next build would work: the docker CLI,
// buildx, the builder and its nodes, the platforms that they support, the
// registries, and this machine. Where possible, it tests instead of reading
// versions: it builds a tiny image and begins a push.
//
// It changes nothing except the build cache.
package doctor

import (
	"context"
	"slices"
	"sync"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/text"
)

// State is the result of a check.
type State string

// An Error would make a build fail. A Warning might, or would make it slow.
const (
	OK      State = "ok"
	Warning State = "warning"
	Error   State = "error"
)

// Check is the result of one check.
type Check struct {
	// Name identifies the check: "docker", "buildx", ….
	Name string `json:"name"`
	// Subject is the node, extension or registry that was checked, if there are
	// several.
	Subject string `json:"subject,omitempty"`
	// State is "ok", "warning" or "error".
	State State `json:"state"`
	// Message is one sentence.
	Message string `json:"message"`
	// Fix is the next step, preferably a command.
	Fix string `json:"fix,omitempty"`
}

// Report is the results of all checks.
type Report struct {
	// State is the worst state of the checks.
	State State `json:"state"`
	// Builder is the name of the builder that was checked.
	Builder string `json:"builder,omitempty"`
	// Checks are the results, in the order in which they are printed.
	Checks []Check `json:"checks"`
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

// Summary returns the result in a line: whether a build would work, and how
// certain that is.
func (r *Report) Summary() string {
	if n := r.Count(Error); n > 0 {
		return "a build would fail: " + text.Count(n, "error")
	}
	tried := slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Name == "build" })
	summary := "a build will work"
	if !tried {
		summary = "no problems found"
	}
	if n := r.Count(Warning); n > 0 {
		summary += ", with " + text.Count(n, "warning")
	}
	if !tried {
		summary += "; no trial build was run"
	}
	return summary
}

// Extension describes an extension to build.
type Extension struct {
	Name string
	// Platforms are its targets. The zero platform is that of the builder.
	Platforms []v1.Platform
	// Asked are the platforms that the builder has to build: of equal images
	// only one.
	Asked []v1.Platform
	// Compiles reports whether it has a build stage. Runs are the platforms
	// that its commands run on; other stages only copy, or cross-compile.
	Compiles bool
	Runs     []v1.Platform
	// Copied reports whether the builder only copies its directory.
	Copied bool
	// Smoke reports whether its programs are run after the build.
	Smoke bool
	// Size is the size of its files in all images.
	Size int64
	// Tags are the tags to publish. Pulls are the registry hosts of its base
	// images and caches.
	Tags  []registry.Reference
	Pulls []string
}

// Docker describes the docker CLI and the engine of its context.
type Docker struct {
	Version, Context string
	// Server is the version of the engine. It is empty if the engine does not
	// respond; Err is then the reason.
	Server, Err string
	// Time is the time of the engine's clock, or zero if unknown.
	Time, Asked time.Time
}

// Registry is a client of registries.
type Registry interface {
	CheckPush(ctx context.Context, ref registry.Reference) (registry.Access, error)
	Probe(ctx context.Context, host string) (registry.Access, error)
}

// Subject is what Examine checks.
type Subject struct {
	// Plugin is the version of docker extpack.
	Plugin string
	// Docker runs the docker CLI. It is nil if there is none.
	Docker func(ctx context.Context) (Docker, error)
	// Buildx is the user's buildx, at Path in Version. It is nil if there is
	// none; BuildxErr is then the reason. BuildxWarning is a problem with it.
	Buildx               buildx.Runner
	Path, Version        string
	BuildxErr            error
	BuildxWarning        string
	Builder, BuilderFrom string // empty for the current one; where it was specified
	Extensions           []Extension
	ExtensionErr         error // the error of reading them
	// NoExtension reports whether no extension was named and none is in the
	// working directory.
	NoExtension    bool
	Registry       Registry
	Temp, StateDir string
	StateErr       error // the error of finding StateDir
	// Free returns the number of bytes that can be written below a folder.
	Free func(dir string) (uint64, error)
}

type examination struct {
	Subject
	docker  *Docker
	builder *buildx.Builder
	clocks  []clock
	// unresponsive reports whether a node does not respond without an error, so
	// that buildx does not skip it.
	unresponsive bool
	// onlyCopies reports whether the builder cannot export images.
	onlyCopies bool
	// broken reports whether a build would fail for a reason that has already
	// been found.
	broken bool
}

// Examine runs all checks that are possible. It only returns an error if ctx is
// done.
func Examine(ctx context.Context, p Subject) (*Report, error) {
	e := &examination{Subject: p}
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
