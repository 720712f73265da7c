package cliplugin

import (
	"context"
	"fmt"
	"io"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/plan"
)

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
