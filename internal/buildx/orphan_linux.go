package buildx

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel kill the process of cmd when this one is killed:
// buildx would go on to write into folders that the next run removes. The
// runtime keeps the thread that starts the process, so the death of that thread
// is the death of this process.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
