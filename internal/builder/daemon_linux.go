package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/wait"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
	logLines     = 8
)

// pid returns the process ID of the running daemon, or 0. Without a pid file it
// searches all processes, because a running daemon locks the cache.
func (d daemon) pid() int {
	data, err := os.ReadFile(d.pidFile())
	if err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && d.is(pid) {
			return pid
		}
	}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || !d.is(pid) {
			continue
		}
		// Without root privileges there are several; the first is the group
		// leader.
		if group, err := syscall.Getpgid(pid); err == nil && group == pid {
			return pid
		}
	}
	return 0
}

// is reports whether a process is the daemon. It checks the configuration in
// its arguments, because another process may have reused the ID.
func (d daemon) is(pid int) bool {
	if pid <= 1 {
		return false
	}
	cmdline, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && strings.Contains(string(cmdline), "\x00--config\x00"+d.config()+"\x00")
}

func (d daemon) notePID(pid int) error {
	note := strconv.Itoa(pid) + "\n"
	if old, err := os.ReadFile(d.pidFile()); err == nil && string(old) == note {
		return nil
	}
	return os.WriteFile(d.pidFile(), []byte(note), 0o600)
}

func (d daemon) answers(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", d.socket())
	if err != nil {
		return err
	}
	return conn.Close()
}

// ensure starts a daemon unless one is running with the configuration. started
// reports whether it did.
func (d daemon) ensure(ctx context.Context, config []byte) (started bool, err error) {
	old, err := os.ReadFile(d.config())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("reading the configuration of BuildKit: %w", err)
	}
	same := err == nil && string(old) == string(config)
	if pid := d.pid(); same && d.emulatorsLinked() && pid != 0 && d.answers(ctx) == nil {
		if err := d.notePID(pid); err != nil {
			return false, fmt.Errorf("recording the process of BuildKit: %w", err)
		}
		return false, nil
	}
	args, err := d.command()
	if err != nil {
		return false, err
	}
	if err := d.stop(ctx); err != nil {
		return false, err
	}
	if !same {
		if err := os.WriteFile(d.config(), config, 0o600); err != nil {
			return false, fmt.Errorf("writing the configuration of BuildKit: %w", err)
		}
	}
	err = d.start(ctx, args)
	if err == nil {
		return true, nil
	}
	_ = d.stop(context.WithoutCancel(ctx)) // it may have partly started
	if !same && old != nil {
		// The previous daemon continues to run.
		if err := os.WriteFile(d.config(), old, 0o600); err == nil {
			_ = d.start(context.WithoutCancel(ctx), args)
		}
	}
	return false, err
}

// start starts the daemon, which outlives this process, and waits until it
// listens.
func (d daemon) start(ctx context.Context, args []string) error {
	log, err := os.Create(d.log())
	if err != nil {
		return fmt.Errorf("starting BuildKit: %w", err)
	}
	defer log.Close()
	if err := os.MkdirAll(d.runtime(), 0o700); err != nil {
		return fmt.Errorf("starting BuildKit: %w", err)
	}
	if err := d.linkEmulators(); err != nil {
		return fmt.Errorf("linking the emulators of BuildKit: %w", err)
	}
	if err := d.writeHandlers(); err != nil {
		return fmt.Errorf("linking the emulators of BuildKit: %w", err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, log, log
	cmd.Env = d.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting BuildKit: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	if err := d.notePID(cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		return fmt.Errorf("starting BuildKit: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it did not start to listen within %s", startTimeout))
	defer cancel()
	for d.answers(ctx) != nil {
		select {
		case <-ended:
			err := fmt.Errorf("starting BuildKit: it exited immediately with:\n%s", d.tail())
			if os.Geteuid() != 0 {
				return diag.WithHint(err, rootlessHint)
			}
			return err
		default:
		}
		if err := wait.For(ctx, pollInterval); err != nil {
			return fmt.Errorf("starting BuildKit: %w", err)
		}
	}
	return nil
}

// tail returns the end of the log, or the line with the reason why BuildKit
// exited, without the stack trace.
func (d daemon) tail() string {
	data, err := os.ReadFile(d.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "buildkitd: ") {
			return "  " + line
		}
	}
	return "  " + strings.Join(lines[max(0, len(lines)-logLines):], "\n  ")
}

// stop sends SIGTERM to the daemon, then SIGKILL.
func (d daemon) stop(ctx context.Context) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		pid := d.pid()
		if pid == 0 {
			break
		}
		// Signal the group, which includes rootlesskit and runc.
		if err := syscall.Kill(-pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stopping BuildKit (process %d): %w", pid, err)
		}
		for deadline := time.Now().Add(stopTimeout); d.pid() != 0 && time.Now().Before(deadline); {
			if err := wait.For(ctx, pollInterval); err != nil {
				return err
			}
		}
	}
	if pid := d.pid(); pid != 0 {
		return fmt.Errorf("stopping BuildKit: process %d did not exit; kill it", pid)
	}
	for _, name := range []string{d.pidFile(), d.socket()} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("stopping BuildKit: %w", err)
		}
	}
	return nil
}

// remove stops the daemon and deletes its folder, including the cache.
func (d daemon) remove(ctx context.Context) error {
	if err := errors.Join(d.stop(ctx), d.unregisterHandlers(ctx)); err != nil {
		return err
	}
	// A killed daemon leaves mounts behind. Unmount them, so that their content
	// is not deleted.
	if data, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		lines := strings.Split(string(data), "\n")
		slices.Reverse(lines)
		for _, line := range lines {
			if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], d.dir+"/") {
				if err := syscall.Unmount(fields[4], syscall.MNT_DETACH); err != nil {
					return fmt.Errorf("removing the folder of the builder: unmounting %s: %w", fields[4], err)
				}
			}
		}
	}
	if err := d.removeFolder(ctx); err != nil {
		return fmt.Errorf("removing the folder of the builder: %w", err)
	}
	return nil
}

// removeFolder deletes the folder. The cache of a rootless daemon has files of
// its subordinate users, which only a process in such a user namespace can
// delete.
func (d daemon) removeFolder(ctx context.Context) error {
	err := os.RemoveAll(d.dir)
	if !errors.Is(err, fs.ErrPermission) || os.Geteuid() == 0 {
		return err
	}
	rootlesskit, lookErr := exec.LookPath("rootlesskit")
	if lookErr != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, rootlesskit, "--net=host", "rm", "-rf", "--", d.dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
