package pipeline

import (
	"errors"
	"fmt"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// HeldBackError is returned if nothing was published because some packages
// failed.
type HeldBackError struct {
	// Err is the error of the packages that failed.
	Err error
	// Passed are the names of the extensions that passed.
	Passed []string
}

func (e *HeldBackError) Error() string {
	return fmt.Sprintf("%v\nnothing was published, including %s", e.Err, strings.Join(e.Passed, ", "))
}

// Unwrap returns what failed.
func (e *HeldBackError) Unwrap() error { return e.Err }

// heldBack returns an error if an extension failed, with the names of those
// that passed.
func (r *run) heldBack(todo *plan.Plan, packages []*prepared) error {
	failed := errors.Join(r.errs...)
	if failed == nil {
		return nil
	}
	var passed []string
	for i, p := range packages {
		if p != nil {
			passed = append(passed, todo.Extensions[i].Descriptor.Info.String())
		}
	}
	if len(passed) == 0 {
		return failed
	}
	return diag.WithHint(&HeldBackError{Err: failed, Passed: passed}, "use --keep-going to publish the extensions that pass")
}
