package extension

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
)

// notLiteral are the characters with a special meaning in COPY, .dockerignore
// or HCL.
const notLiteral = "*?[]\\$\""

// remote matches what BuildKit interprets as a URL instead of a path
// (frontend/dockerfile, "dispatchCopy").
var remote = lazyregexp.New(`^([A-Za-z][A-Za-z0-9+.-]*://|github\.com/|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:)`)

// targetPath is the name of a target's path in messages.
const targetPath = "path"

// checkPath returns the clean form of a path below the extension root. what is
// its name in messages.
func (r *reader) checkPath(what string, e *Entry) string {
	clean := path.Clean(e.Value)
	d := func(format string, args ...any) string {
		r.report(rules.Setting, e.Position, "%s %s %s", what, quote(e.Value), fmt.Sprintf(format, args...))
		return ""
	}
	rename := func(format string, args ...any) string {
		d(format, args...)
		r.list[len(r.list)-1].Hint = "rename it"
		return ""
	}
	switch i := strings.IndexAny(e.Value, notLiteral); {
	case e.Value == "":
		r.report(rules.Setting, e.Position, "%s is empty", what)
		return ""
	case !r.checkControl(what, e), !r.checkLength(what, e):
		return ""
	case strings.ContainsFunc(e.Value, isSeparator):
		return d("contains a line separator")
	case what == targetPath && !norm.NFC.IsNormalString(e.Value):
		return rename("is not in Unicode normalisation form C, which bake files require")
	case strings.TrimSpace(e.Value) != e.Value:
		return d("begins or ends with a space")
	case strings.HasPrefix(e.Value, "!"), strings.HasPrefix(e.Value, "#"), strings.HasPrefix(e.Value, "-"):
		return rename("begins with %q, which has a special meaning in lists of files", e.Value[0])
	case remote.Get().MatchString(e.Value):
		return d("is a URL: paths are those of files in the extension root")
	case what == targetPath && slices.Contains(strings.Split(strings.ToLower(clean), "/"), ".git"):
		return d("belongs to version control, which never enters a package")
	case i >= 0:
		return d(`contains %q: paths are literal and separated by "/", patterns are not supported`, e.Value[i])
	case strings.HasPrefix(e.Value, "/"):
		return d("is absolute: paths are relative to the extension root")
	case safefile.Leaves(clean):
		return d("leaves the extension root")
	case strings.Contains("/"+e.Value+"/", "/../"):
		return d(`contains ".."%s`, didYouMean(clean))
	}
	return clean
}

// Lengths in bytes that file systems limit names and paths to.
const maxNameLength, maxPathLength = 255, 4095

// checkLength reports a path that no file can have.
func (r *reader) checkLength(what string, e *Entry) bool {
	long := func(name string) bool { return len(name) > maxNameLength }
	if len(e.Value) <= maxPathLength && !slices.ContainsFunc(strings.Split(e.Value, "/"), long) {
		return true
	}
	r.report(rules.Setting, e.Position, "%s %s exceeds the maximum length of paths", what, quote(e.Value))
	return false
}

// checkPaths is like checkPath for the entries of a list. "." is invalid,
// because it would include everything.
func (r *reader) checkPaths(what string, entries []Entry) []Entry {
	for i := range entries {
		e := &entries[i]
		clean := r.checkPath(what, e)
		if clean == "." {
			r.report(rules.Setting, e.Position, "%s %s is the extension root itself: name files and folders in it", what, quote(e.Value))
		}
		e.Value = clean
	}
	return entries
}
