package verify

import (
	"archive/tar"
	"slices"
	"strings"
)

// tree is the file tree of an extension's layer after unpacking.
type tree struct {
	// entries are in the order of the layer, files by name. The last entry of a
	// name is used, as when unpacking.
	entries []*entry
	files   map[string]*entry
	// dir is the extension's directory, without a leading "/". below is the
	// prefix of the names in it.
	dir, below string
	// links reports whether there are symlinks.
	links bool
	// lint is set when it is first needed.
	lint *lintFiles
}

func newTree(entries []*entry, dir string) *tree {
	t := &tree{entries: entries, files: make(map[string]*entry, len(entries)), dir: dir, below: dir + "/"}
	for _, e := range entries {
		t.files[e.name] = e
		t.links = t.links || e.kind == tar.TypeSymlink
	}
	return t
}

// rel returns a name relative to the extension's directory. A name outside of
// it does not change.
func (t *tree) rel(name string) string {
	if inside, ok := strings.CutPrefix(name, t.below); ok {
		return inside
	}
	return name
}

// inside reports whether name is the extension's directory or below it.
func (t *tree) inside(name string) bool {
	return name == t.dir || strings.HasPrefix(name, t.below)
}

// above reports whether name is a parent of the extension's directory.
func (t *tree) above(name string) bool {
	return name == "" || len(name) < len(t.dir) && t.dir[len(name)] == '/' && strings.HasPrefix(t.dir, name)
}

// maxHops is the number of symlinks that Linux follows.
const maxHops = 40

// resolve follows the symlinks in name as the kernel would, and reports whether
// the path stays in the extension's directory. The result may not exist.
// Comparing cleaned names is not sufficient: "a/.." is not "." if a is a
// symlink.
func (t *tree) resolve(name string) (target string, inside bool) {
	if !t.links && t.files[name] != nil { // the names of entries are clean
		return name, t.inside(name)
	}
	var at []string
	rest := strings.Split(name, "/")
	for hops := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = at[:max(0, len(at)-1)]
		default:
			at = append(slices.Clip(at), part)
		}
		here := strings.Join(at, "/")
		if e := t.files[here]; part != ".." && e != nil && e.kind == tar.TypeSymlink {
			if hops++; hops > maxHops {
				return here, true // a loop
			}
			at = at[:len(at)-1]
			if strings.HasPrefix(e.link, "/") {
				at = nil
			}
			rest = append(strings.Split(e.link, "/"), rest...)
			continue
		}
		if !t.inside(here) && !t.above(here) {
			return here, false
		}
	}
	target = strings.Join(at, "/")
	return target, t.inside(target)
}

// file returns the file at name, following symlinks and hard links, or nil if
// it does not exist or is outside.
func (t *tree) file(name string) *entry {
	target, inside := t.resolve(name)
	if !inside {
		return nil
	}
	e := t.files[target]
	for hops := 0; e != nil && e.kind == tar.TypeLink; hops++ {
		if hops > maxHops {
			return nil
		}
		e = t.files[linkName(e)]
	}
	return e
}
