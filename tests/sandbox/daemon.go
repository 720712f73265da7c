package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	logTailLines = 10
)

// errExited is returned for a daemon that exited before it was ready.
var errExited = errors.New("it exited")

// A daemon is one background process with a folder for its files.
type daemon struct {
	name   string
	bin    string
	args   []string
	env    []string // in addition to this process's
	marker string   // an argument that no other process has
	dir    string   // holds the log and the pid file
	detach bool
	// ready returns nil once the daemon serves.
	ready func(context.Context) error

	exited   chan struct{} // closed when the process that we started has ended
	logStart int64         // where its output starts in the log
}

func (d *daemon) logPath() string { return filepath.Join(d.dir, "log") }
func (d *daemon) pidPath() string { return filepath.Join(d.dir, "pid") }

// pid is the running process, or 0. A pid file that is stale, or was never
// written because up was interrupted, does not mislead it.
func (d *daemon) pid() int {
	data, err := os.ReadFile(d.pidPath())
	if err == nil {
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err == nil && pid > 1 && isProcess(pid, d.bin, d.marker) {
			return pid
		}
	}
	return findProcess(d.bin, d.marker)
}

// ensure starts the daemon unless it is running and ready. It stops one that is
// not ready. The result reports whether it started one.
func (d *daemon) ensure(ctx context.Context) (started bool, err error) {
	if d.pid() != 0 {
		probe, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if d.waitReady(probe) == nil {
			return false, nil
		}
	}
	if err := d.stop(); err != nil {
		return false, err
	}
	return true, d.start(ctx)
}

// start runs the daemon and waits until it serves.
func (d *daemon) start(ctx context.Context) error {
	if err := d.spawn(); err != nil {
		return fmt.Errorf("starting %s: %w", d.name, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it did not respond within %s", startTimeout))
	defer cancel()
	if err := d.waitReady(ctx); err != nil {
		stopErr := d.stop()
		return errors.Join(fmt.Errorf("starting %s: %w; from %s:\n%s", d.name, err, d.logPath(), d.logTail()), stopErr)
	}
	return nil
}

func (d *daemon) spawn() error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(d.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if d.logStart, err = log.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	cmd := exec.Command(d.bin, d.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, log, log
	// Both daemons would look for a trace collector and log that there is none.
	cmd.Env = append(append(os.Environ(), d.env...), "OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=none")
	if err := startProcess(cmd, d.detach); err != nil {
		return err
	}
	d.exited = make(chan struct{})
	go func(exited chan struct{}) {
		_ = cmd.Wait()
		close(exited)
	}(d.exited)
	return os.WriteFile(d.pidPath(), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644)
}

func (d *daemon) waitReady(ctx context.Context) error {
	for {
		err := d.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.exited: // nil, so never ready, for a process of another command
			return errExited
		default:
		}
		if cause := pause(ctx, 50*time.Millisecond); cause != nil {
			return fmt.Errorf("%w (%w)", cause, err)
		}
	}
}

// stop sends SIGTERM to the process group of the daemon, then SIGKILL.
func (d *daemon) stop() error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		gone, err := d.signal(sig)
		if err != nil || gone {
			return err
		}
	}
	return fmt.Errorf("stopping %s: process %d does not end; end it by hand", d.name, d.pid())
}

// kill ends the daemon as a crash would.
func (d *daemon) kill() error {
	gone, err := d.signal(syscall.SIGKILL)
	if err == nil && !gone {
		err = fmt.Errorf("killing %s: process %d does not end", d.name, d.pid())
	}
	return err
}

// signal signals the process group and waits for the daemon to go.
func (d *daemon) signal(sig syscall.Signal) (gone bool, err error) {
	pid := d.pid()
	if pid == 0 {
		return true, d.forget()
	}
	if err := signalGroup(pid, sig); err != nil {
		return false, fmt.Errorf("stopping %s (process %d): %w", d.name, pid, err)
	}
	for deadline := time.Now().Add(stopTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if processGone(pid) {
			return true, d.forget()
		}
	}
	return false, nil
}

func (d *daemon) forget() error {
	if err := os.Remove(d.pidPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the pid file of %s: %w", d.name, err)
	}
	return nil
}

// logTail is what the last start logged, for error messages. Of a long log it
// keeps both ends: a crash names its cause first and prints a stack after it.
func (d *daemon) logTail() string {
	data, err := os.ReadFile(d.logPath())
	if err != nil {
		return err.Error()
	}
	text := string(data[min(d.logStart, int64(len(data))):])
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > 2*logTailLines {
		lines = slices.Concat(lines[:logTailLines], []string{"..."}, lines[len(lines)-logTailLines:])
	}
	return "  " + strings.Join(lines, "\n  ")
}
