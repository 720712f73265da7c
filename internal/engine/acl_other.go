//go:build !linux

package engine

// hasACL reports whether a file has a POSIX access control list.
func hasACL(string) bool { return false }
