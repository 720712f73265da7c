package extension

import (
	"path"
	"strings"

	"github.com/extpack/extpack/internal/rules"
)

// notLiteral are the characters that Dockerfile COPY, .dockerignore or HCL
// read as more than themselves.
const notLiteral = "*?[]\\$\""

// checkPath gives the clean form of a path below the extension root. what
// names it in messages.
func (r *reader) checkPath(what string, e *Entry) string {
	clean := path.Clean(e.Value)
	d := func(format string, args ...any) string {
		r.report(rules.Setting, e.Position, what+" "+quote(e.Value)+" "+format, args...)
		return ""
	}
	switch i := strings.IndexAny(e.Value, notLiteral); {
	case e.Value == "":
		r.report(rules.Setting, e.Position, "%s is empty", what)
		return ""
	case !r.checkControl(what, e):
		return ""
	case i >= 0:
		return d(`holds %q: paths are literal and separated by "/", patterns are not supported`, e.Value[i])
	case strings.HasPrefix(e.Value, "/"):
		return d("is absolute: paths are relative to the extension root")
	case clean == "..", strings.HasPrefix(clean, "../"):
		return d("leaves the extension root")
	case strings.Contains("/"+e.Value+"/", "/../"):
		return d(`holds ".."%s`, didYouMean(clean))
	}
	return clean
}

// checkPaths is checkPath for the entries of a list. "." is refused: a list
// that names everything is none.
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
