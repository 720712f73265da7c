//go:build !unix

package scratch

import "io/fs"

// mine reports whether a folder is this user's; temporary folders are per user.
func mine(fs.FileInfo) bool { return true }
