package engine

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// setACL adds a list with an entry for a user to a file, and reports whether the
// file system takes it (linux/posix_acl_xattr.h).
func setACL(t *testing.T, name string) bool {
	t.Helper()
	acl := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 7, ^uint32(0)}, {2, 7, 1000}, {4, 5, ^uint32(0)}, {16, 7, ^uint32(0)}, {32, 5, ^uint32(0)}} {
		acl = binary.LittleEndian.AppendUint16(acl, entry.tag)
		acl = binary.LittleEndian.AppendUint16(acl, entry.perm)
		acl = binary.LittleEndian.AppendUint32(acl, entry.id)
	}
	return unix.Lsetxattr(name, "system.posix_acl_access", acl, 0) == nil
}
