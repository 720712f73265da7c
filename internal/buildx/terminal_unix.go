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

// onTerminal runs cmd with a pseudo terminal, whose output is copied to screen
// and to tail, so that a failure can be explained: buildx only draws if stderr
// is a terminal. The returned function must be called after cmd has exited.
func onTerminal(cmd *exec.Cmd, screen *os.File, tail io.Writer) (finish func()) {
	master, slave, err := pty.Open()
	if err != nil {
		cmd.Stderr = screen // show the output even if it cannot be explained
		return func() {}
	}
	_ = pty.InheritSize(screen, master)  // the size is optional
	_, _ = term.MakeRaw(int(slave.Fd())) // the real terminal processes the output
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
		// Returns EIO on Linux when the slave is closed.
		_, _ = io.Copy(io.MultiWriter(screen, tail), master)
		close(copied)
	}()
	return func() {
		signal.Stop(resized)
		close(resized)
		slave.Close()
		select {
		case <-copied:
		case <-time.After(time.Second): // a child process of buildx has it open
		}
		master.Close()
	}
}
