package plan

import (
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

// Defaults are settings that several extensions share, for those without their
// own.
type Defaults struct {
	// Tags are used without flags and without an image in the descriptor.
	Tags []string
	// Targets are used if nothing else selects targets.
	Targets []extension.Target
	// Labels and Annotations are overridden by those of the descriptor with the
	// same name.
	Labels, Annotations map[string]string
	// LabelPositions and AnnotationPositions are the positions of the names.
	LabelPositions, AnnotationPositions map[string]diag.Position
}

// defaults returns the shared settings for the extension at name.
func (o Options) defaults(name string) (Defaults, error) {
	if o.Defaults == nil {
		return Defaults{}, nil
	}
	return o.Defaults(name)
}
