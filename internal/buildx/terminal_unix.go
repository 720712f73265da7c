//go:build unix

package buildx

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// onTerminal has cmd draw on a terminal of its own, whose output goes to the
// screen as it is and to tail, so that a failure can be explained: buildx draws
// only where stderr is a terminal, and then no one else sees what it says. The
// function it returns is to be called when cmd has ended.
func onTerminal(cmd *exec.Cmd, screen *os.File, tail io.Writer) (finish func()) {
	master, slave, err := pty.Open()
	if err != nil {
		cmd.Stderr = screen // better unexplained than not shown
		return func() {}
	}
	_ = pty.InheritSize(screen, master)  // a size is nice to have
	_, _ = term.MakeRaw(int(slave.Fd())) // the screen does what a terminal does to output
	cmd.Stderr = slave
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	go func() {
		for range resized {
			_ = pty.InheritSize(screen, master)
		}
	}()
	copied := make(chan struct{})
	go func() {
		// Ends with an error on Linux, EIO, when no one has the slave any more.
		_, _ = io.Copy(io.MultiWriter(screen, tail), master)
		close(copied)
	}()
	return func() {
		signal.Stop(resized)
		close(resized)
		slave.Close()
		select {
		case <-copied:
		case <-time.After(time.Second): // something buildx started holds it
		}
		master.Close()
	}
}
