package content

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

var (
	errLeaves = errors.New("leaves the extension root")
	errLoop   = errors.New("too many links")
)

// resolve follows target from folder dir, name by name as a system does, and
// gives the entry it leads to, which is no link itself.
func resolve(lookup func(name string) (File, bool), dir, target string) (string, error) {
	const maxLinks = 40 // as Linux's ELOOP limit, path_resolution(7)
	links := 0
	for rest := []string{target}; len(rest) > 0; {
		part, more, found := strings.Cut(rest[0], "/")
		if rest = rest[1:]; found {
			if part == "" {
				return "", fmt.Errorf("link to the absolute path %q: %w", "/"+more, errLeaves)
			}
			rest = append([]string{strings.TrimLeft(more, "/")}, rest...)
		}
		switch {
		case part == "" || part == ".":
			continue
		case part == ".." && dir == ".":
			return "", errLeaves
		case part == "..":
			dir = path.Dir(dir)
			continue
		}
		name := path.Join(dir, part)
		f, ok := lookup(name)
		switch {
		case !ok:
			return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		case f.Mode&fs.ModeSymlink == 0:
			dir = name
		case links == maxLinks:
			return "", errLoop
		default:
			links++
			rest = append([]string{f.Target}, rest...)
		}
	}
	return dir, nil
}

// checkLinks notes on each link what is wrong with where it leads.
func (t *Tree) checkLinks() {
	for name, f := range t.files {
		if f.Mode&fs.ModeSymlink != 0 {
			_, f.LinkErr = resolve(t.Lookup, path.Dir(name), f.Target)
			t.files[name] = f
		}
	}
}
