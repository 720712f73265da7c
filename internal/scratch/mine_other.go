//go:build !unix

package scratch

import "io/fs"

// mine reports whether a folder is this user's; temporary folders are per user.
func mine(fs.FileInfo) bool { return true }

// sameGroup reports whether new files in two folders get the same group.
func sameGroup(_, _ string) bool { return true }
