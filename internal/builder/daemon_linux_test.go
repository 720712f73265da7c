package builder

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The daemon is found without its number, and an editor of its configuration is
// not taken for it: what is found is stopped.
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

// What another command does meanwhile counts: a builder that it removed is made,
// and one that it made is removed whole.
func TestAskAfterWaiting(t *testing.T) {
	for name, run := range map[string]func(ctx context.Context, b Buildx, o Options) (bool, error){"ensure": Ensure, "remove": Remove} {
		o := Options{Name: "b", Driver: DriverContainer, StateDir: t.TempDir(), Log: t.Logf}
		d := daemon{dir: filepath.Join(o.StateDir, o.Name)}
		if err := os.MkdirAll(d.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		unlock, err := d.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*pollInterval)
		defer cancel()
		_, err = run(ctx, answers(func(args []string) (string, error) {
			t.Errorf("%s: buildx %q before it is our turn", name, args)
			return "", nil
		}), o)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		unlock()
	}
}
