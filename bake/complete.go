package bake

import (
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// checkComplete returns a [*diag.InvalidError] if a target of an extension
// builds not all of its images: buildx does not join targets in one index.
func checkComplete(p *plan.Plan, opts FileOptions) error {
	if opts.DiffIDs == nil {
		return nil
	}
	var list diag.List
	for _, e := range p.Extensions {
		if targets := extensionTargets(e); len(targets) > 1 {
			list.Errorf(diag.Position{File: e.Descriptor.File}, "a bake file cannot be complete: %s of %s has a separate target, and buildx does not join targets in one index",
				e.Images[targets[1].Images[0]], e.Descriptor.Info).Hint = "use docker extpack build, or name fewer platforms with --target"
		}
	}
	return list.Err()
}

// layersLabel returns the label with the layer of e if it is the same for all
// images.
func (w *fileWriter) layersLabel(e *plan.Extension) (string, bool) {
	ids := w.options.DiffIDs[e]
	if len(ids) == 0 || slices.ContainsFunc(ids, func(id digest.Digest) bool { return id != ids[0] }) {
		return "", false
	}
	label, err := e.Descriptor.LayersLabel(ids[0].String())
	return label, err == nil
}

// layersLabels returns the labels with the layers of the images of t, by image,
// if they differ.
func (w *fileWriter) layersLabels(t Target) map[int]string {
	ids := w.options.DiffIDs[t.Extension]
	if len(ids) == 0 {
		return nil
	}
	if _, same := w.layersLabel(t.Extension); same {
		return nil
	}
	all := map[int]string{}
	for _, i := range t.Images {
		label, err := t.Extension.Descriptor.LayersLabel(ids[i].String())
		if err == nil {
			all[i] = label
		}
	}
	return all
}
