//go:build linux || darwin

package doctor

import (
	"fmt"
	"syscall"
)

// FreeSpace returns the number of bytes that unprivileged users can write below
// a folder.
func FreeSpace(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("reading the free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // block sizes are positive
}
