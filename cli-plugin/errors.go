package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/cli/cli"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/text"
)

// Exit codes are part of the contract of the command line.
const (
	exitFailed      = 1
	exitInvalid     = 2   // the input is invalid, or a check found something
	exitUsage       = 125 // docker's code for wrong flags and arguments
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// errInterrupted ends a command that was told to stop.
var errInterrupted = errors.New("interrupted")

// errOutdated is "bake --check" finding something.
var errOutdated = errors.New("out of date")

// report prints err, once, and gives the exit code it stands for.
func report(w io.Writer, err error) int {
	var status cli.StatusError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		// Whoever was interrupted may have said what had been done by then.
		if !errors.Is(err, errInterrupted) {
			err = errInterrupted
		}
		fmt.Fprintln(w, text.Clean(diag.Text(err)))
		return exitInterrupted
	case errors.As(err, &status):
		fmt.Fprintln(w, text.Clean(status.Error()))
		if status.StatusCode == 0 {
			return exitFailed
		}
		return status.StatusCode
	case diag.IsInvalid(err), errors.Is(err, errOutdated):
		fmt.Fprintln(w, text.Clean(diag.Text(err)))
		return exitInvalid
	default:
		fmt.Fprintln(w, "ERROR: "+text.Clean(diag.Text(err)))
		return exitFailed
	}
}

// interruption says what an interrupted command had written by then.
func interruption(err error) error {
	var (
		tagging *registry.TagError
		written *index.WrittenError
	)
	switch {
	case errors.As(err, &written):
		return fmt.Errorf("%w: %w", errInterrupted, written)
	case errors.As(err, &tagging):
		return fmt.Errorf("%w: %w", errInterrupted, tagging)
	}
	return errInterrupted
}
