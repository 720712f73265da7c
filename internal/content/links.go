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

// resolve follows target from folder dir, one name at a time as an operating
// system does, and returns the resulting entry, which is not a link.
func resolve(lookup func(name string) (*File, bool), dir, target string) (string, error) {
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
			rest = append([]string{f.Target()}, rest...)
		}
	}
	return dir, nil
}

// checkLinks sets LinkErr of each link that cannot be resolved.
func (t *Tree) checkLinks() {
	for name, f := range t.files {
		if f.Mode&fs.ModeSymlink != 0 {
			if _, err := resolve(t.Lookup, path.Dir(name), f.Target()); err != nil {
				f.with(func(r *rare) { r.linkErr = err })
			}
		}
	}
}

// LosesLinks reports whether copying each of sources, which are relative to the
// extension root, by name would lose a link: one of them is a symbolic link, or
// two are hard links to one file.
func (t *Tree) LosesLinks(sources []string) bool {
	for _, s := range sources {
		if f, ok := t.files[s]; ok && f.Mode&fs.ModeSymlink != 0 {
			return true
		}
	}
	first := map[string]string{} // group of hard links → the source that has one
	for name, f := range t.files {
		if f.Group() == "" {
			continue
		}
		for _, s := range sources {
			if _, inside := within(s, name); !inside && s != name {
				continue
			}
			if other, ok := first[f.Group()]; ok && other != s {
				return true
			}
			first[f.Group()] = s
		}
	}
	return false
}

// Matching returns the names, relative to the extension root, that match a
// pattern of [path.Match].
func (t *Tree) Matching(pattern string) []string {
	var names []string
	for _, name := range t.order {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			names = append(names, name)
		}
	}
	return names
}

// Pattern returns a pattern for name that can be used in a flag of a Dockerfile
// instruction, where variables cannot be used: special characters are replaced
// by "?".
func Pattern(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._/-", r) {
			return r
		}
		return '?'
	}, name)
}
