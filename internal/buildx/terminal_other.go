//go:build !unix

package buildx

import (
	"io"
	"os"
	"os/exec"
)

// onTerminal has cmd draw on the screen; what it says is seen there only.
func onTerminal(cmd *exec.Cmd, screen *os.File, _ io.Writer) (finish func()) {
	cmd.Stderr = screen
	return func() {}
}
