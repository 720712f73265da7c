package engine

import "golang.org/x/sys/unix"

// hasACL reports whether a file has a POSIX access control list.
func hasACL(name string) bool {
	n, err := unix.Lgetxattr(name, "system.posix_acl_access", nil)
	return err == nil && n > 0
}
