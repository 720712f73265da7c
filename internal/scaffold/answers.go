package scaffold

import (
	"cmp"
	"path/filepath"

	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/platform"
)

// Answers describe a new extension in the words of a user. Targets are platforms,
// separated by spaces.
type Answers struct{ ID, Name, Version, Targets, Lang string }

// Or returns the answers, with defaults for an extension in dir where there is
// none.
func (a Answers) Or(dir string) Answers {
	a.ID = cmp.Or(a.ID, DefaultID(dir))
	return Answers{
		ID: a.ID, Name: cmp.Or(a.Name, DefaultName(a.ID)), Version: cmp.Or(a.Version, "0.0.1"),
		Targets: cmp.Or(a.Targets, "linux/amd64 linux/arm64"), Lang: cmp.Or(a.Lang, Langs[0]),
	}
}

// DefaultName returns the name of an extension with the id.
func DefaultName(id string) string { return filepath.Base(id) }

// platformWord matches a platform in a list separated by spaces, with the space
// that its os.version has.
var platformWord = lazyregexp.New(`\S+(?: \(os\.version [^)]*\))?`)

// Files returns the files of the extension. What is wrong with the answers is a
// [*diag.InvalidError].
func (a Answers) Files() ([]File, error) {
	r := Request{ID: a.ID, Name: a.Name, Version: a.Version, Lang: a.Lang}
	for _, s := range platformWord.Get().FindAllString(a.Targets, -1) {
		t, err := platform.ParseTarget(s)
		if err != nil {
			return nil, err
		}
		r.Targets = append(r.Targets, t)
	}
	return New(r)
}
