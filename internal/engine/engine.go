// Package engine chooses what assembles the images of a build: buildx, or the
// embedded packer, which needs no daemon. The caller knows how to run buildx.
package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
)

// The values of --engine.
const (
	Auto     = "auto"
	Buildx   = "buildx"
	Embedded = "embedded"
)

// Names are the values of --engine.
var Names = []string{Auto, Buildx, Embedded}

// Builder is buildx, ready to run bake files. Its methods about builders take
// the name of one, and "" for the current one.
type Builder interface {
	pipeline.Attester
	pipeline.Copier
	// CheckAnswers returns an error if the builder refuses connections.
	CheckAnswers(ctx context.Context, name string) error
	// NoBuilder returns the reason why the builder cannot build, or "".
	NoBuilder(ctx context.Context, name string) (string, error)
	// Reachable reports whether a node of the builder answers or can be started.
	Reachable(ctx context.Context, name string) (bool, error)
}

// Request is what the choice depends on.
type Request struct {
	// Name is the value of --engine.
	Name string
	// Builder is the builder that a flag names, or "".
	Builder string
	// Requires are the flags that were given and require a builder.
	Requires []string
	// Attest are attestation settings, such as "type=provenance,mode=max".
	Attest []string
	// Find locates buildx. attested reports whether builds are repeated with
	// attestations. It is called once, if a build is necessary.
	Find func(attested bool) (Builder, error)
	// Packed is called with the progress of the embedded engine; see
	// [embedded.Engine]. It may be nil.
	Packed func(layer embedded.Layer, total int64)
	// Client returns a client for the registries of base images.
	Client func() *registry.Client
	// Notify is called with the reason why Auto packs without a builder.
	Notify func(why string)
}

// Check returns an error for flags that contradict the engine.
func (r Request) Check() error {
	if err := choice.Check("--engine", r.Name, Names...); err != nil {
		return err
	}
	if r.Name != Embedded || len(r.Requires) == 0 {
		return nil
	}
	return diag.WithHint(diag.Invalidf("%s requires a builder, and --engine embedded has none", r.Requires[0]), "leave one of them out")
}

// CheckPlan returns an error for extensions that the engine cannot build.
func (r Request) CheckPlan(p *plan.Plan) error {
	for _, e := range p.Extensions {
		if r.Name == Embedded && e.NeedsBuild() {
			return diag.WithHint(diag.Invalidf("--engine embedded: %s: %v", e.Descriptor.Info, plan.ErrNeedsBuild), "leave out --engine, or choose targets that have platform folders with --target")
		}
	}
	return nil
}

// Missing returns an error for requests of extensions that were not granted.
// Only a builder uses them.
func (r Request) Missing(p *plan.Plan) error {
	if r.Name == Embedded {
		return nil
	}
	return p.Missing()
}

// Choose returns the engine, for a request that Check accepts. Auto is buildx
// where a builder responds, else the embedded engine if nothing requires a
// builder.
func (r Request) Choose() pipeline.Engine {
	packer := &embedded.Engine{Progress: r.Packed}
	if r.Name == Embedded {
		return packer
	}
	b := &builds{
		Request: r, packer: packer,
		find: sync.OnceValues(func() (Builder, error) { return r.Find(len(r.Attest) > 0) }),
	}
	withBuildx := pipeline.BaseImages{Engine: b, Client: r.Client}
	if r.Name == Buildx {
		return withBuildx
	}
	required := func(p *plan.Plan) bool { return len(r.Requires) > 0 || p.NeedsBuild() }
	return pipeline.Fallback{
		First: withBuildx, Second: packer,
		Skip: func(ctx context.Context, p *plan.Plan) string {
			if required(p) {
				return ""
			}
			return b.missing(ctx)
		},
		Unreachable: func(ctx context.Context, p *plan.Plan, err error) string {
			if required(p) || !b.unreachable(ctx, err) {
				return ""
			}
			return clause(err)
		},
		Notify: r.Notify,
	}
}

// builds is the engine that builds with buildx, which it locates then.
type builds struct {
	Request
	packer pipeline.Packer
	find   func() (Builder, error)
}

// Build builds with buildx, twice if attestations are requested. Otherwise
// buildx only copies the directories of static extensions.
func (b *builds) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	builder, err := b.find()
	if err != nil {
		return nil, withoutBuildx(err, p)
	}
	if err := builder.CheckAnswers(ctx, b.Builder); err != nil {
		return nil, err
	}
	if len(b.Attest) > 0 {
		return pipeline.Attested{Attester: builder, Settings: b.Attest}.Build(ctx, p, dir)
	}
	return pipeline.Copied{Engine: builder, Copier: builder, Packer: b.packer}.Build(ctx, p, dir)
}

// missing returns the reason why buildx has no builder, or "".
func (b *builds) missing(ctx context.Context) string {
	builder, err := b.find()
	if err != nil {
		return ""
	}
	why, err := builder.NoBuilder(ctx, b.Builder)
	if err != nil {
		return ""
	}
	return why
}

// unreachable reports whether a build failed because buildx was not found or no
// builder responds.
func (b *builds) unreachable(ctx context.Context, buildErr error) bool {
	builder, err := b.find()
	if err != nil {
		return !diag.IsInvalid(err)
	}
	var failed *buildx.BuildError
	if errors.As(buildErr, &failed) && failed.NoBuilder {
		return true
	}
	ok, err := builder.Reachable(ctx, b.Builder)
	return err == nil && !ok
}

// withoutBuildx adds the embedded engine to the hint of a missing buildx.
func withoutBuildx(err error, p *plan.Plan) error {
	var hint *diag.HintError
	if errors.As(err, &hint) && !p.NeedsBuild() {
		return diag.WithHint(hint.Err, hint.Hint+"; extensions that are not compiled need none with --engine embedded")
	}
	return err
}

// clause returns the message of an error without its hint.
func clause(err error) string {
	var build *buildx.BuildError
	if errors.As(err, &build) && build.Cause != "" {
		return build.Cause
	}
	return err.Error()
}
