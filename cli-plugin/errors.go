package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/diag"
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
		fmt.Fprintln(w, text.Clean(err.Error()))
		return exitInterrupted
	case errors.As(err, &status):
		fmt.Fprintln(w, text.Clean(status.Error()))
		if status.StatusCode == 0 {
			return exitFailed
		}
		return status.StatusCode
	case diag.IsInvalid(err), errors.Is(err, errOutdated):
		fmt.Fprintln(w, text.Clean(err.Error()))
		return exitInvalid
	default:
		fmt.Fprintln(w, "ERROR: "+text.Clean(err.Error()))
		return exitFailed
	}
}

// interruptible runs f with a context that ends on Ctrl-C or SIGTERM, also when
// the docker CLI passes it on, when the terminal goes, or when nobody reads what
// is printed any more; it then makes sure that f's error is errInterrupted. A
// second signal ends the process at once.
func interruptible(cmd *cobra.Command, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	// Never stopped: what is printed while things are put in order must not end
	// the process either.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	go func() {
		for {
			select {
			case <-signals:
			case <-unread:
				if !outputGone() {
					continue // a registry that hangs up is a broken pipe too
				}
			case <-ctx.Done():
				return
			}
			signal.Stop(signals)
			cancel(errInterrupted)
			return
		}
	}()
	err := f(ctx)
	if err != nil && ctx.Err() != nil && !errors.Is(err, errInterrupted) {
		return errInterrupted
	}
	return err
}
