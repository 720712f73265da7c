package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/cli/cli"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
	"github.com/extpack/extpack/internal/text"
)

// Exit codes, which scripts rely on.
const (
	exitFailed      = 1
	exitInvalid     = 2   // the input is invalid, or a check found something
	exitUsage       = 125 // docker's code for wrong flags and arguments
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// errInterrupted is returned by an interrupted command.
var errInterrupted = errors.New("interrupted")

// report prints err, once, and returns its exit code.
func report(w io.Writer, err error) int {
	var status cli.StatusError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		// The command may have added what has been done.
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
	case diag.IsInvalid(err), errors.Is(err, bake.ErrOutdated), errors.Is(err, release.ErrNothing):
		fmt.Fprintln(w, text.Clean(diag.Text(err)))
		return exitInvalid
	default:
		fmt.Fprintln(w, "ERROR: "+text.Clean(diag.Text(err)))
		return exitFailed
	}
}

// interruption is the error of an interrupted command, with what it has
// written. A command that has done everything, and cannot print it because nothing
// reads its output, was not interrupted.
func interruption(err error) error {
	var (
		tagging   *registry.TagError
		written   *index.WrittenError
		unprinted *unprintedError
	)
	switch {
	case errors.As(err, &written):
		return fmt.Errorf("%w: %w", errInterrupted, written)
	case errors.As(err, &tagging):
		return fmt.Errorf("%w: %w", errInterrupted, tagging)
	case errors.As(err, &unprinted):
		return unprinted
	}
	return errInterrupted
}
