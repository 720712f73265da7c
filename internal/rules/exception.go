package rules

import (
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
)

// Exception turns a rule off, for an extension or for one of its paths. It is a
// [[metadata.extpack.lint.ignore]] of the descriptor.
type Exception struct {
	Rule, Reason string
	// Path is a file or folder relative to the extension root; empty for all.
	Path     string
	Position diag.Position
}

// Exceptions are those of one extension.
type Exceptions []Exception

// Filter returns the findings of the list that no exception turns off. dir is
// the extension root as the findings name it. used, which may be nil, is called
// with the index of each exception that turned a finding off.
func (x Exceptions) Filter(dir string, list diag.List, used func(i int)) diag.List {
	if len(x) == 0 {
		return list
	}
	var out diag.List
	for _, d := range list {
		if i := x.match(dir, d); i < 0 {
			out = append(out, d)
		} else if used != nil {
			used(i)
		}
	}
	return out
}

// match returns the index of the exception that turns d off, -1 for none.
func (x Exceptions) match(dir string, d diag.Diagnostic) int {
	rule := ByID(d.Rule)
	if rule == nil || rule.Required {
		return -1
	}
	for i, e := range x {
		if e.Rule == d.Rule && (e.Path == "" || within(filepath.Join(dir, filepath.FromSlash(e.Path)), d.File)) {
			return i
		}
	}
	return -1
}

// within reports whether file is name, or a file in the folder name.
func within(name, file string) bool {
	file = filepath.Clean(file)
	return file == name || strings.HasPrefix(file, name+string(filepath.Separator))
}
