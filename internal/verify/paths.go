package verify

import (
	"archive/tar"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/extpack/extpack/internal/text"
)

// Bits of a tar entry's mode (POSIX pax, "c_mode").
const (
	bitsSetID      = 0o6000
	bitOthersWrite = 0o002
	bitOthersExec  = 0o001
)

// whiteout is the prefix of names that mark deleted files (OCI image
// specification, layer.md, "Whiteouts").
const whiteout = ".wh."

// checkPaths checks names, types and modes in the extension's layer.
func (c *checker) checkPaths(i *image) {
	if i.tree == nil {
		return
	}
	absolute := 0
	seen := map[string]byte{} // kinds of names that are repeated
	for _, e := range i.tree.entries {
		if i.tree.files[e.name] != e {
			seen[e.name] = 0
		}
	}
	folded := foldedNames(i.tree.entries)
	for _, e := range i.tree.entries {
		if fault := nameFault(e); fault != "" {
			c.report(idPathName, i, i.tree.rel(e.name), "the layer contains %.200q, which %s", i.tree.rel(e.name), fault)
			continue
		}
		if slices.Contains(strings.Split(e.raw, "/"), "..") {
			c.report(idPathUnsafe, i, e.raw, "the layer contains the path %q", e.raw)
			continue
		}
		if strings.HasPrefix(e.raw, "/") {
			absolute++
		}
		subject := i.tree.rel(e.name)
		// Directories may be repeated: unpacking them again does not change
		// files.
		if kind, ok := seen[e.name]; ok {
			if kind != 0 && (kind != tar.TypeDir || e.kind != tar.TypeDir) {
				c.report(idPathDuplicate, i, subject, "%s is in the layer twice", subject)
			}
			seen[e.name] = e.kind
		}
		if a, b := collision(folded, e.name); a != "" {
			c.report(idPathCollision, i, subject, "%s and %s are the same file on systems that ignore case or Unicode normalization", i.tree.rel(a), i.tree.rel(b))
		}
		if !c.checkPlace(i, e) {
			continue
		}
		c.checkMode(i, e, subject)
	}
	if absolute > 0 {
		c.report(idPathAbsolute, i, "", "%d paths in the layer are absolute", absolute)
	}
}

// checkPlace checks that an entry has a valid type for its path, and reports
// whether to check it further.
func (c *checker) checkPlace(i *image, e *entry) bool {
	switch subject := i.tree.rel(e.name); {
	case !i.tree.inside(e.name) && !i.tree.above(e.name):
		c.report(idPathOutside, i, e.name, "the layer contains %s, which is outside %s", e.name, i.tree.dir)
		return false
	case strings.HasPrefix(path.Base(e.name), whiteout):
		c.report(idFileType, i, subject, "%s is a deletion, as its name begins with %q", subject, whiteout)
		return false
	case !slices.Contains([]byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink}, e.kind):
		c.report(idFileType, i, subject, "%s is %s", subject, kindWords(e.kind))
		return false
	case e.kind != tar.TypeDir && (e.name == i.tree.dir || i.tree.above(e.name)):
		c.report(idFileType, i, e.name, "%q leads to the extension, but is %s, not a directory", e.name, kindWords(e.kind))
		return false
	}
	return true
}

func (c *checker) checkMode(i *image, e *entry, subject string) {
	if e.overlay != "" {
		c.report(idFileAttribute, i, subject, "%s has the extended attribute %s", subject, text.Line(e.overlay))
	}
	if e.kind == tar.TypeSymlink {
		return // has no mode
	}
	if e.mode&bitsSetID != 0 {
		c.report(idFileSetID, i, subject, "%s has mode %04o, which is setuid or setgid", subject, e.mode)
	}
	if e.capabilities {
		c.report(idFileSetID, i, subject, "%s has file capabilities", subject)
	}
	if e.mode&bitOthersWrite != 0 {
		c.report(idFileWritable, i, subject, "%s has mode %04o, so it is world-writable", subject, e.mode)
	}
}

// Limits of Linux on names (limits.h, NAME_MAX and PATH_MAX).
const (
	maxNameBytes = 255
	maxPathBytes = 4096
)

// nameFault returns a problem of the names of an entry, as the rest of a
// sentence.
func nameFault(e *entry) string {
	for _, name := range []string{e.raw, e.link} {
		switch {
		case len(name) > maxPathBytes:
			return fmt.Sprintf("has a path of %d bytes; the limit is %d", len(name), maxPathBytes)
		case !utf8.ValidString(name):
			return "is not UTF-8 text"
		case strings.ContainsFunc(name, unicode.IsControl):
			return "has a control character in it"
		}
		for part := range strings.SplitSeq(name, "/") {
			if len(part) > maxNameBytes {
				return fmt.Sprintf("has a name of %d bytes; the limit is %d", len(part), maxNameBytes)
			}
		}
	}
	return ""
}

// foldedNames returns the keys that names may collide at: the folded forms of
// those that differ from it, with no name yet. Most names do not differ.
func foldedNames(entries []*entry) map[string]string {
	folded := map[string]string{}
	for _, e := range entries {
		for name := e.name; name != "."; name = path.Dir(name) {
			key := foldName(name)
			if key == name {
				break // so are its parents
			}
			folded[key] = ""
		}
	}
	return folded
}

// collision sets the name at the keys of a name and its parents. It returns the
// first one that collides with another name, and that name.
func collision(folded map[string]string, name string) (other, own string) {
	for ; len(folded) > 0 && name != "."; name = path.Dir(name) {
		key := foldName(name)
		switch other, ok := folded[key]; {
		case !ok:
			continue
		case other == "":
			folded[key] = name
		case other != name:
			return other, name
		default:
			return "", "" // so were its parents
		}
	}
	return "", ""
}

// foldName returns a form that is equal for names that some file systems treat
// as equal.
func foldName(name string) string {
	plain := true
	for n := range len(name) {
		plain = plain && name[n] < utf8.RuneSelf
	}
	if plain {
		return strings.ToLower(name)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

// kindWords returns the type of a tar entry with its article.
func kindWords(kind byte) string {
	switch kind {
	case tar.TypeReg:
		return "a file"
	case tar.TypeDir:
		return "a directory"
	case tar.TypeSymlink:
		return "a symlink"
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeChar, tar.TypeBlock:
		return "a device node"
	case tar.TypeFifo:
		return "a FIFO"
	}
	return "of an unusual type"
}

// linkName returns the clean name of the target of a hard link.
func linkName(e *entry) string { return strings.TrimPrefix(path.Clean("/"+e.link), "/") }

// checkLinks checks the targets of links. Readers copy the extension's
// directory to other images, where files outside of it differ or are missing.
func (c *checker) checkLinks(i *image) {
	if i.tree == nil {
		return
	}
	before := map[string]bool{} // names that precede, if there are hard links
	linked := slices.ContainsFunc(i.tree.entries, func(e *entry) bool { return e.kind == tar.TypeLink })
	for _, e := range i.tree.entries {
		if !i.tree.inside(e.name) || nameFault(e) != "" {
			continue // was reported
		}
		if linked && e.kind != tar.TypeLink {
			before[e.name] = true
		}
		subject := i.tree.rel(e.name)
		switch e.kind {
		case tar.TypeSymlink:
			if _, inside := i.tree.resolve(e.name); !inside {
				c.report(idLinkOutside, i, subject, "%s links to %s, which is outside the extension", subject, e.link)
			}
		case tar.TypeLink:
			target := linkName(e)
			switch {
			case slices.Contains(strings.Split(e.link, "/"), "..") || !i.tree.inside(target):
				c.report(idLinkOutside, i, subject, "%s is a hard link to %s, which is outside the extension", subject, e.link)
			case target == e.name:
				c.report(idLinkOutside, i, subject, "%s is a hard link to itself", subject)
			case i.tree.files[target] == nil:
				c.report(idLinkOutside, i, subject, "%s is a hard link to %s, which is not in the layer", subject, e.link)
			case !before[target]:
				c.report(idLinkOutside, i, subject, "%s is a hard link to %s, which comes after it", subject, e.link)
			}
		default:
			// A file below a symlinked directory is written to its target.
			if _, inside := i.tree.resolve(e.name); !inside {
				c.report(idLinkOutside, i, subject, "%s is below a symlink that leads outside the extension", subject)
			}
		}
	}
}
