package bake

import (
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/plan"
)

// contextOf returns the build context of an extension.
func (w *fileWriter) contextOf(e *plan.Extension) (string, error) {
	if e.Remote != "" {
		return e.Remote, nil
	}
	return w.context(e.Dir)
}

// context returns the extension root relative to w.dir in buildx's form.
func (w *fileWriter) context(dir string) (string, error) {
	rel, err := Relative(w.dir, dir)
	if err != nil {
		return "", err
	}
	if !utf8.ValidString(rel) || !content.CheckName(rel) {
		return "", diag.WithHint(diag.Invalidf("the path %q cannot be written to a bake file unchanged", rel), "rename the folder")
	}
	rel = filepath.ToSlash(rel)
	switch {
	case rel == "-" || repositoryLike.Get().MatchString(rel):
		// bake removes "./" before it checks whether a context is standard
		// input or a repository.
		abs, err := filepath.Abs(dir)
		return filepath.ToSlash(abs), err
	case strings.ContainsAny(rel, ":@") && !filepath.IsAbs(rel):
		rel = "./" + rel // buildx would take it for a URL
	}
	return rel, nil
}

// repositoryLike matches folder names that buildx interprets as Git
// repositories (BuildKit, "ParseGitRef").
var repositoryLike = lazyregexp.New(`^(github\.com/|[\w-]+@[\w.-]+:)`)

// Relative returns the path from one folder to another, or an absolute path if
// there is none. The operating system resolves ".." after symbolic links, so a
// path that goes up is computed from real paths.
func Relative(from, to string) (string, error) {
	var err error
	if from, err = filepath.Abs(from); err != nil {
		return "", err
	}
	if to, err = filepath.Abs(to); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(from, to)
	if err == nil && strings.HasPrefix(rel, "..") {
		realFrom, fromErr := filepath.EvalSymlinks(from)
		realTo, toErr := filepath.EvalSymlinks(to)
		if fromErr == nil && toErr == nil {
			rel, err = filepath.Rel(realFrom, realTo)
		}
	}
	if err != nil {
		return to, nil // on another volume
	}
	return rel, nil
}
