package builder

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// The daemon is found without its process ID. An editor that has its
// configuration open is not found: whatever is found gets stopped.
func TestDaemonAmongProcesses(t *testing.T) {
	d := daemon{dir: t.TempDir()}
	start := func(args ...string) int {
		cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", "while :; do sleep 1; done", "sh"}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.WaitDelay = time.Second
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
		})
		return cmd.Process.Pid
	}
	start(d.config())
	if pid := d.pid(); pid != 0 {
		t.Errorf("process %d is taken for the daemon", pid)
	}
	want := start("--config", d.config(), "--root", d.root())
	if pid := d.pid(); pid != want {
		t.Errorf("the daemon is process %d, want %d", pid, want)
	}
}
