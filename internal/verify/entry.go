package verify

import (
	"archive/tar"
	"path"
	"strings"

	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/lint"
)

// entry is one entry of a layer. It is small, because layers have up to hundreds
// of thousands.
type entry struct {
	// raw is the name in the tar. name is without "./" and leading and trailing
	// "/".
	raw, name string
	size      int64
	// mode is the permission, setuid, setgid and sticky bits as in tar.
	mode int64
	kind byte
	*rare
}

// rare is what few entries have.
type rare struct {
	link string
	// capabilities reports whether the file has Linux file capabilities.
	// overlay is an extended attribute by which overlayfs hides or redirects
	// files.
	capabilities bool
	overlay      string
	exe          *executable.Program
	// fault is the problem of an executable that is not a program.
	fault *executable.Fault
	// data is the content of a kept file, or nil.
	data []byte
	// secret is text that looks like a secret.
	secret *lint.Hit
}

// common is what all other entries share.
var common rare

func newEntry(h *tar.Header) *entry {
	e := &entry{raw: h.Name, name: cleanName(h.Name), kind: h.Typeflag, mode: h.Mode, size: h.Size}
	own := rare{link: h.Linkname}
	own.setAttributes(h.PAXRecords)
	e.setRare(own)
	return e
}

// setRare sets what few entries have, if it is one of them.
func (e *entry) setRare(own rare) {
	e.rare = &common
	if own.link != "" || own.capabilities || own.overlay != "" || own.exe != nil || own.fault != nil || own.data != nil || own.secret != nil {
		e.rare = &own
	}
}

func (r *rare) setAttributes(records map[string]string) {
	for key := range records {
		name, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		switch {
		case !ok:
		case name == "security.capability":
			r.capabilities = true
		case strings.HasPrefix(name, "trusted.overlay."), strings.HasPrefix(name, "user.overlay."):
			r.overlay = name
		}
	}
}

// cleanName returns a name of an archive without "./" and leading and trailing
// "/". Most names differ in no more than a trailing "/", and share their memory.
func cleanName(raw string) string {
	name := strings.TrimSuffix(raw, "/")
	if name == path.Clean(name) && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "..") && name != "." {
		return name
	}
	return strings.TrimPrefix(path.Clean("/"+raw), "/")
}
