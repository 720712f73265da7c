package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// spawner runs functions on one OS thread that never ends: the kernel sends a
// parent-death signal when the thread that started the child ends, not the
// process, and Go ends threads as it likes.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// startProcess starts cmd in a new process group. A detached process gets a new
// session and outlives us; any other dies with us.
func startProcess(cmd *exec.Cmd, detach bool) error {
	if detach {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return cmd.Start()
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	return <-started
}

// signalGroup signals a process and all it started; one that is gone is fine.
func signalGroup(pid int, sig os.Signal) error {
	err := syscall.Kill(-pid, sig.(syscall.Signal))
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// isProcess tells whether pid runs the program bin with the argument marker.
// Comparing both keeps us from taking, and ever signalling, a stranger that
// got the number of a dead daemon. A zombie has no arguments and counts as dead.
func isProcess(pid int, bin, marker string) bool {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return false
	}
	args := strings.Split(string(bytes.TrimRight(data, "\x00")), "\x00")
	return filepath.Base(args[0]) == filepath.Base(bin) && slices.Contains(args[1:], marker)
}

// findProcess looks through all processes, for daemons whose pid file is lost.
func findProcess(bin, marker string) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && isProcess(pid, bin, marker) {
			return pid
		}
	}
	return 0
}

// processGone tells whether all threads of a process have ended. A process that
// has not been reaped yet has no arguments any more, but keeps its sockets
// until the last thread has ended.
func processGone(pid int) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return true
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	threads, err := os.ReadDir(filepath.Join(proc, "task"))
	return err != nil || strings.HasPrefix(fields, "Z") && len(threads) <= 1
}

func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// unmountBelow lazily unmounts everything below dir, innermost first.
func unmountBelow(dir string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("reading the mounts: %w", err)
	}
	lines := strings.Split(string(data), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasPrefix(fields[4], dir+"/") {
			continue
		}
		if err := syscall.Unmount(fields[4], syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmounting %s: %w", fields[4], err)
		}
	}
	return nil
}
