package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

// CheckLabels returns a [*diag.InvalidError] for labels that a bake file would
// change, as it is read in Unicode normalisation form C. what requires the form,
// and hint is the next step.
func (p *Plan) CheckLabels(what, hint string) error {
	var list diag.List
	for _, e := range p.Extensions {
		metadata, err := e.Descriptor.MetadataLabel()
		if err != nil {
			return err
		}
		layers, err := e.Descriptor.LayersLabel("")
		if err != nil {
			return err
		}
		checkForm(&list, "label", e.Labels, e.LabelPositions, what, hint)
		own := diag.Position{File: e.Descriptor.File}
		checkForm(&list, "label", map[string]string{extension.LabelMetadata: metadata, extension.LabelLayers: layers},
			map[string]diag.Position{extension.LabelMetadata: own, extension.LabelLayers: own}, what, hint)
	}
	return list.Err()
}

// CheckAnnotations is like CheckLabels for annotations.
func (p *Plan) CheckAnnotations(what, hint string) error {
	var list diag.List
	for _, e := range p.Extensions {
		checkForm(&list, "annotation", e.Annotations, e.AnnotationPositions, what, hint)
		placed := map[string]string{}
		for _, a := range e.Placed {
			placed[a.Key] = a.Value
		}
		checkForm(&list, "annotation", placed, nil, what, hint)
	}
	return list.Err()
}

// checkForm reports values that are not in form C. Those without a position are
// from flags.
func checkForm(list *diag.List, noun string, values map[string]string, positions map[string]diag.Position, what, hint string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if content.CheckName(key) && content.CheckName(values[key]) {
			continue
		}
		subject := fmt.Sprintf("--%s %q", noun, key+"=…")
		at, ok := positions[key]
		if ok {
			subject = fmt.Sprintf("the %s %q", noun, key)
		}
		list.Errorf(at, "%s is not in Unicode normalisation form C, which %s", subject, what).Hint = hint
	}
}

// positions returns the positions of values from files, where later files replace
// earlier ones and flags replace both.
func positions(flags map[string]string, files ...map[string]diag.Position) map[string]diag.Position {
	all := map[string]diag.Position{}
	for _, file := range files {
		maps.Copy(all, file)
	}
	for name := range flags {
		delete(all, name)
	}
	return all
}
