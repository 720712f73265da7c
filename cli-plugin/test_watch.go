package cliplugin

import (
	"context"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/exttest"
	"github.com/extpack/extpack/internal/source"
)

// maxChanged is the number of files that are named as changed.
const maxChanged = 3

// watch runs the cases, and again what a change touches. Failures do not end it.
func (t *tester) watch(ctx context.Context, show func([]exttest.Result) error) error {
	dirs := slices.DeleteFunc(slices.Clone(t.opts.names), func(name string) bool { return !source.IsExtension(name) })
	if len(dirs) == 0 {
		return diag.Invalidf("--watch: there is no directory of an extension among the arguments")
	}
	state := exttest.Take(dirs)
	var changed []string
	for {
		results, err := t.run(ctx, changed)
		if err == nil && len(results) > 0 {
			err = show(results)
		}
		if context.Cause(ctx) != nil {
			return err
		}
		if err != nil {
			report(t.app.cli.Err(), err)
		}
		if t.opts.update {
			state = exttest.Take(dirs) // with what was written
		}
		if state, changed, err = state.Wait(ctx, dirs); err != nil {
			return err
		}
		t.log("\n%s changed", strings.Join(changed[:min(len(changed), maxChanged)], ", "))
	}
}
