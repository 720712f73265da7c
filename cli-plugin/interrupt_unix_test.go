//go:build unix

package cliplugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

const interruptHelper = "EXTPACK_TEST_INTERRUPT"

// TestInterruptHelper is the process that TestSecondSignal sends signals to.
func TestInterruptHelper(t *testing.T) {
	if os.Getenv(interruptHelper) == "" {
		t.Skip("helper of TestSecondSignal")
	}
	signal.Reset(syscall.SIGHUP)
	err := interruptible(context.Background(), func(ctx context.Context) error {
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("cleaning")
		time.Sleep(time.Second)
		fmt.Println("cleaned")
		return context.Cause(ctx)
	})
	os.Exit(report(os.Stderr, err))
}

// A terminal that closes sends SIGHUP twice, and a service manager may
// send SIGTERM again: only a second Ctrl-C cuts the cleanup short.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		first, second syscall.Signal
		cleaned       bool
	}{
		{syscall.SIGHUP, syscall.SIGHUP, true},
		{syscall.SIGTERM, syscall.SIGTERM, true},
		{syscall.SIGINT, syscall.SIGTERM, true},
		{syscall.SIGTERM, syscall.SIGINT, true},
		{syscall.SIGINT, syscall.SIGINT, false},
	} {
		t.Run(tc.first.String()+", "+tc.second.String(), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInterruptHelper$")
			cmd.Env = append(os.Environ(), interruptHelper+"=1")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cleaned := false
			for lines := bufio.NewScanner(out); lines.Scan(); {
				switch lines.Text() {
				case "ready":
					err = cmd.Process.Signal(tc.first)
				case "cleaning":
					err = cmd.Process.Signal(tc.second)
				}
				if err != nil {
					t.Fatal(err)
				}
				cleaned = cleaned || strings.Contains(lines.Text(), "cleaned")
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
				t.Errorf("got %v, want exit code %d", err, exitInterrupted)
			}
			if cleaned != tc.cleaned {
				t.Errorf("cleaned up: %v", cleaned)
			}
		})
	}
}
