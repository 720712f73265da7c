package pipeline

import (
	"slices"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
)

// CheckAnnotations returns an error for values of --annotation whose place the
// result does not have: an index, if single is set, the descriptor of an index,
// which only a layout directory holds, and that of an image without an index,
// which a tag and an engine do not have.
func (p Places) CheckAnnotations(values []string, single bool) error {
	list, err := annotation.Parse("--annotation", values)
	if err != nil {
		return err
	}
	isDir := func(d Place) bool { _, ok := d.Destination.(Dir); return ok }
	holdsDescriptors := func(d Place) bool { _, file := d.Destination.(File); return file || isDir(d) }
	for _, a := range list {
		if single && a.Explicit && (a.Place == annotation.Index || a.Place == annotation.IndexDescriptor) {
			return diag.WithHint(diag.Invalidf("--annotation %q: --single publishes an image without an index", a), "leave out --single, or name another place: manifest:"+a.Key+"="+a.Value)
		}
		for e, all := range p {
			if a.Place == annotation.ManifestDescriptor && (single || e.AnyPlatform()) && !slices.ContainsFunc(all, holdsDescriptors) {
				return diag.WithHint(diag.Invalidf("--annotation %q: %s becomes an image without an index, so it has no descriptor in an index", a, e.Descriptor.Info),
					"name another place: manifest:"+a.Key+"="+a.Value)
			}
			if a.Place == annotation.IndexDescriptor && !slices.ContainsFunc(all, isDir) {
				return diag.WithHint(diag.Invalidf("--annotation %q: only an OCI layout directory contains a descriptor of the index, and none is written for %s", a, e.Descriptor.Info),
					"add -o DIR/, or name another place: index:"+a.Key+"="+a.Value)
			}
		}
	}
	return nil
}
