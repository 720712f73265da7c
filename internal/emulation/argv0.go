package emulation

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/extpack/extpack/internal/lazyregexp"
)

// versionTimeout limits how long an emulator may take to print its version.
const versionTimeout = 5 * time.Second

// passesArgv0 reports whether both the kernel and the emulator support argv[0]
// among the emulator's arguments: Linux does since 5.12, QEMU since 6.0. In any
// other combination all arguments would be shifted.
func passesArgv0(emulator string) bool {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil || !atLeast(string(release), 5, 12) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	defer cancel()
	said, err := exec.CommandContext(ctx, emulator, "--version").Output()
	return err == nil && atLeast(string(said), 6, 0)
}

var version = lazyregexp.New(`(\d+)\.(\d+)`)

// atLeast reports whether the first version in a text is a version or a newer one.
func atLeast(text string, major, minor int) bool {
	m := version.Get().FindStringSubmatch(text)
	if m == nil {
		return false
	}
	a, errA := strconv.Atoi(m[1])
	b, errB := strconv.Atoi(m[2])
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}
