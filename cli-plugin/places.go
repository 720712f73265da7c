package cliplugin

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
)

// checkPlaces refuses annotations whose place the result does not have: that of
// an index without one, and that of the descriptor of an index, which only a
// layout directory holds.
func checkPlaces(values []string, single bool, places pipeline.Places) error {
	list, err := annotation.Parse("--annotation", values)
	if err != nil {
		return err
	}
	isDir := func(d pipeline.Place) bool { _, ok := d.Destination.(pipeline.Dir); return ok }
	for _, a := range list {
		if single && a.Explicit && (a.Place == annotation.Index || a.Place == annotation.IndexDescriptor) {
			return diag.WithHint(diag.Invalidf("--annotation %q: --single makes an image without an index", a), "leave out --single, or name another place: manifest:"+a.Key+"="+a.Value)
		}
		if a.Place != annotation.IndexDescriptor {
			continue
		}
		for e, all := range places {
			if !slices.ContainsFunc(all, isDir) {
				return diag.WithHint(diag.Invalidf("--annotation %q: only an OCI layout directory holds a descriptor of the index, and none is written for %s", a, e.Descriptor.Info),
					"add -o DIR/, or name another place: index:"+a.Key+"="+a.Value)
			}
		}
	}
	return nil
}

// checkSizes refuses packages that registries would, and notes large ones.
func checkSizes(ctx context.Context, w io.Writer, p *plan.Plan, opts annotate.Options) error {
	for _, e := range p.Extensions {
		note, err := annotate.CheckSize(ctx, e, opts)
		if err != nil {
			return err
		}
		if note != "" {
			fmt.Fprintf(w, "note: %s: %s\n", e.Descriptor.Info, note)
		}
	}
	return nil
}
