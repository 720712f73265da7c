package cliplugin

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/extpack/extpack/internal/oci"
)

// interruptible runs f with a context that is canceled on Ctrl-C, SIGTERM or
// SIGHUP, when the docker CLI forwards one, or when the output has no reader.
// It then returns errInterrupted, unless f returns no error.
//
// A second Ctrl-C exits immediately. Other signals do not: a closing terminal
// sends SIGHUP twice, and temporary files must be removed.
func interruptible(ctx context.Context, f func(ctx context.Context) error) error {
	limits, err := oci.Factor()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(oci.WithBudget(ctx, limits))
	defer cancel(nil)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as with nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	// Never reset: a write during the cleanup must not end the process either.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		interrupts := 0
		for {
			select {
			case s := <-signals:
				if s == os.Interrupt {
					interrupts++
				}
				if interrupts == 2 {
					os.Exit(exitInterrupted)
				}
				cancel(errInterrupted)
			case <-unread:
				if outputGone() { // a registry that closes its connection is a broken pipe too
					cancel(errInterrupted)
				}
			case <-finished:
				return
			}
		}
	}()
	err = f(ctx)
	if err == nil || ctx.Err() == nil || strings.HasPrefix(err.Error(), errInterrupted.Error()+": ") {
		return err
	}
	return interruption(err)
}
