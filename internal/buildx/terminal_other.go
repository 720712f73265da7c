//go:build !unix

package buildx

import (
	"io"
	"os"
	"os/exec"
)

// onTerminal lets cmd draw on the terminal. Its output cannot be read.
func onTerminal(cmd *exec.Cmd, screen *os.File, _ io.Writer) (finish func()) {
	cmd.Stderr = screen
	return func() {}
}
