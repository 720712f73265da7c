package buildx

import (
	"os/exec"
	"syscall"
)

// endWithParent makes the kernel kill the process of cmd when this one is killed:
// otherwise buildx would continue to write into folders that the next run
// removes. The runtime keeps the thread that starts the process, so that thread
// ends only with this process.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
