//go:build unix

package grants

import (
	"os"
	"strconv"
	"syscall"
)

// ownedByUser reports whether a file, or the symbolic link itself, belongs to
// the current user. For root, the user who called sudo counts too (git,
// "is_path_owned_by_current_uid").
func ownedByUser(name string) bool {
	info, err := os.Lstat(name)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	user := os.Geteuid()
	if user == 0 && stat.Uid != 0 {
		if id, err := strconv.ParseUint(os.Getenv("SUDO_UID"), 10, 32); err == nil {
			user = int(id)
		}
	}
	return uint64(stat.Uid) == uint64(user)
}
