package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
)

// noAttester is an engine that must not be asked.
type noAttester struct{ pipeline.Engine }

func (noAttester) Attest(context.Context, *plan.Plan, func(*plan.Extension, int) map[string]string, []string, string) ([]plan.Built, error) {
	return nil, errors.New("asked to attest")
}

// TestLabelsThatAttestedImagesCannotHave: the second build reads labels from a
// bake file, which is in form C, so others are refused before the first.
func TestLabelsThatAttestedImagesCannotHave(t *testing.T) {
	t.Parallel()
	const decomposed = "e\u0301"
	engine := noAttester{pipeline.EngineFunc(func(context.Context, *plan.Plan, string) ([]plan.Built, error) {
		return nil, errors.New("built")
	})}
	for want, change := range map[string]func(e *plan.Extension){
		`extension.toml:6:12: the label "key" is not in Unicode normalisation form C`: func(e *plan.Extension) {
			e.Labels = map[string]string{"composed": "\u00e9", "key": decomposed}
			e.LabelPositions = map[string]diag.Position{"key": {File: "extension.toml", Line: 6, Column: 12}}
		},
		`--label "flag=…" is not in Unicode`:                                     func(e *plan.Extension) { e.Labels = map[string]string{"flag": decomposed} },
		`extension.toml: the label "io.buildpacks.buildpackage.metadata" is not`: func(e *plan.Extension) { e.Descriptor.Info.Description = decomposed },
		"built": func(*plan.Extension) {},
	} {
		p := planOf(t, extensionDir(t, "a/labels", "#!/bin/sh\n"))
		p.Extensions[0].Descriptor.File = "extension.toml"
		change(p.Extensions[0])
		_, err := pipeline.Attested{Attester: engine, Settings: []string{"type=sbom"}}.Build(t.Context(), p, t.TempDir())
		if err == nil || !strings.HasPrefix(err.Error(), want) || diag.IsInvalid(err) != (want != "built") {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
