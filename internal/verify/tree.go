package verify

import (
	"archive/tar"
	"slices"
	"strings"
)

// tree is the files of an extension's layer as they lie once unpacked.
type tree struct {
	// entries are in the order of the layer, files by name; of two with one
	// name the last counts, as it does when unpacking.
	entries []*entry
	files   map[string]*entry
	// dir is the extension's directory, without a leading "/".
	dir string
}

func newTree(entries []*entry, dir string) *tree {
	t := &tree{entries: entries, files: make(map[string]*entry, len(entries)), dir: dir}
	for _, e := range entries {
		t.files[e.name] = e
	}
	return t
}

// rel gives a name relative to the extension's directory; one outside stays.
func (t *tree) rel(name string) string {
	if inside, ok := strings.CutPrefix(name, t.dir+"/"); ok {
		return inside
	}
	return name
}

// inside reports whether name is the extension's directory or in it.
func (t *tree) inside(name string) bool {
	return name == t.dir || strings.HasPrefix(name, t.dir+"/")
}

// above reports whether name is a directory that leads to the extension's.
func (t *tree) above(name string) bool {
	return name == "" || strings.HasPrefix(t.dir, name+"/")
}

// maxHops is how many symlinks Linux follows before it gives up.
const maxHops = 40

// resolve follows the symlinks in name as the kernel would, and reports whether
// the way stays in the extension's directory. It may lead to nothing. Comparing
// cleaned names would not do: "a/.." is not "." when a is a symlink.
func (t *tree) resolve(name string) (target string, inside bool) {
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
				return here, true // a loop, which leads nowhere
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

// file gives what name is after following symlinks and hard links, nil when it
// leads to nothing or outside.
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
