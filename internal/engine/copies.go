package engine

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/text"
)

// checkCopies reports whether BuildKit copies the files of an extension as they
// are packed otherwise. It keeps two attributes of files that no instruction
// changes, and that docker extpack build leaves out.
func checkCopies(e *plan.Extension, list *diag.List) bool {
	for _, image := range e.Images {
		for _, path := range slices.Sorted(maps.Keys(image.Files)) {
			f := image.Files[path]
			name := filepath.Join(e.Dir, filepath.FromSlash(f.Source))
			what, command := "", ""
			switch {
			case f.ModTime < 0 && !f.Mode.IsDir():
				// It lowers later times to that of SOURCE_DATE_EPOCH.
				what, command = "a time before 1970", "touch"
			case hasACL(name):
				// It sets the list after the mode, which the list changes.
				what, command = "an access control list", "setfacl -b"
			default:
				continue
			}
			list.Errorf(diag.Position{File: name}, "a complete bake file is not possible: it has %s, which BuildKit keeps", what).Hint =
				"run: " + command + " " + text.Quote(name) + "; the cache of a builder may keep it, so build with --no-cache then"
			return false
		}
	}
	return true
}
