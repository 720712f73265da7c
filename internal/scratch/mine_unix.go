//go:build unix

package scratch

import (
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// mine reports whether a folder is this user's; others use the same temporary
// folder.
func mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// sameGroup reports whether new files in two folders get the same group.
func sameGroup(a, b string) bool { return groupOf(a) == groupOf(b) }

// groupOf returns the group that a folder passes on to new files, or -1 if they
// get that of the user.
func groupOf(dir string) int {
	info, err := os.Stat(dir)
	if err != nil || runtime.GOOS == "linux" && info.Mode()&fs.ModeSetgid == 0 {
		return -1
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Gid)
	}
	return -1
}
