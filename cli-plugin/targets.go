package cliplugin

import (
	"path/filepath"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/pipeline"
)

// parseOutputs returns the outputs of the flags --tag and --output.
func parseOutputs(tags, outputs []string) (index.Outputs, error) {
	var outs index.Outputs
	var err error
	if outs.Tags, err = pipeline.ParseTags(tags); err != nil {
		return outs, err
	}
	seen := map[string]bool{}
	for _, name := range outputs {
		if seen[filepath.Clean(name)] {
			return outs, diag.Invalidf("--output %s is given twice", name)
		}
		seen[filepath.Clean(name)] = true
		output, err := pipeline.ParseOutput(name)
		if err != nil {
			return outs, err
		}
		if output.Dir {
			outs.Dirs = append(outs.Dirs, name)
		} else {
			outs.Files = append(outs.Files, name)
		}
		if err := output.Check(); err != nil {
			return outs, err
		}
	}
	return outs, nil
}
