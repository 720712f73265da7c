package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
)

// Attester is an engine that can repeat a build with labels and attestations.
type Attester interface {
	Engine
	// Attest builds the plan from the cache, with the labels of each image and
	// with attestations, into layouts below dir.
	Attest(ctx context.Context, p *plan.Plan, labels func(e *plan.Extension, image int) map[string]string, settings []string, dir string) ([]plan.Built, error)
}

// Attested is an engine that builds twice: the labels depend on the layers of
// the first build, so the second build, from the cache, attests the published
// image.
type Attested struct {
	Attester
	// Settings are attestation settings, such as "type=provenance,mode=max". If
	// there are none, Attested builds once.
	Settings []string
}

// Build builds once, or twice if there are attestations.
func (a Attested) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	if len(a.Settings) == 0 {
		return a.Attester.Build(ctx, p, dir)
	}
	// The second build reads the labels from a bake file.
	if err := p.CheckLabels("attested images require", "write it in form C, or leave out --provenance and --sbom"); err != nil {
		return nil, err
	}
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "attested")
	for _, d := range []string{first, second} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, fmt.Errorf("creating temporary folder: %w", err)
		}
	}
	built, err := a.Attester.Build(ctx, p, first)
	if err != nil {
		return nil, err
	}
	labels := map[*plan.Extension]map[int]map[string]string{}
	for _, e := range p.Extensions {
		if labels[e], err = builtLabels(ctx, e, built); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Descriptor.Info, err)
		}
	}
	of := func(e *plan.Extension, image int) map[string]string { return labels[e][image] }
	return a.Attest(ctx, p, of, a.Settings, second)
}

func builtLabels(ctx context.Context, e *plan.Extension, built []plan.Built) (map[int]map[string]string, error) {
	sources, done, err := openBuilt(e, built)
	if err != nil {
		return nil, err
	}
	defer done()
	return annotate.Labels(ctx, e, sources)
}

// BuiltDiffIDs returns the diffIDs of the images of e, in plan order, that an
// engine built.
func BuiltDiffIDs(ctx context.Context, e *plan.Extension, built []plan.Built) ([]digest.Digest, error) {
	sources, done, err := openBuilt(e, built)
	if err != nil {
		return nil, err
	}
	defer done()
	return annotate.DiffIDs(ctx, e, sources)
}

// openBuilt opens the layouts of e. done closes those that the engine has not
// opened.
func openBuilt(e *plan.Extension, built []plan.Built) (sources []annotate.Source, done func(), err error) {
	var opened []*ocilayout.Layout
	done = func() {
		for _, l := range opened {
			l.Close()
		}
	}
	for _, b := range built {
		if b.Extension != e {
			continue
		}
		l := b.Layout
		if l == nil {
			if l, err = ocilayout.OpenDir(b.Dir); err != nil {
				done()
				return nil, nil, fmt.Errorf("reading build result: %w", err)
			}
			opened = append(opened, l)
		}
		sources = append(sources, annotate.Source{Layout: l, Images: b.Images, Shared: b.Shared, Transit: b.Transit})
	}
	return sources, done, nil
}
