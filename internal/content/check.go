package content

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
)

// whiteout is the prefix of names that mark deleted files (OCI image
// specification, "Layer", "Whiteouts").
const whiteout = ".wh."

// Check returns diagnostics for files that readers of a package cannot use:
// links that leave the package, special files, and names that are not portable.
// dir is the extension root in messages.
func Check(dir string, files Files) diag.List {
	var list diag.List
	for _, name := range slices.Sorted(maps.Keys(files)) {
		checkFile(&list, dir, files, files[name])
	}
	return list
}

const renameIt = "rename it"

func checkFile(list *diag.List, dir string, files Files, f *File) {
	pos := diag.Position{File: path.Join(dir, f.Source)}
	switch {
	case !utf8.ValidString(f.Path):
		list.Errorf(diag.Position{}, "%q in %s: the name is not valid UTF-8", f.Source, dir).Hint = renameIt
	case strings.ContainsFunc(f.Path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		list.Errorf(diag.Position{}, "%q in %s: the name contains a control character", f.Source, dir).Hint = renameIt
	case strings.HasPrefix(path.Base(f.Path), whiteout):
		list.Errorf(pos, "in image layers, a name that begins with %q is a deletion", whiteout).Hint = renameIt
	case f.Mode&fs.ModeSymlink != 0:
		checkLink(list, pos, files, f)
	case !f.Mode.IsDir() && !f.Mode.IsRegular():
		list.Errorf(pos, "is a %s, which cannot be packed", kind(f.Mode)).Hint = "remove it, or add it to " + IgnoreFile
	}
}

func checkLink(list *diag.List, pos diag.Position, files Files, f *File) {
	lookup := func(name string) (*File, bool) { found, ok := files[name]; return found, ok }
	_, err := resolve(lookup, path.Dir(f.Path), f.Target())
	switch to := path.Join(path.Dir(f.Path), f.Target()); {
	case path.IsAbs(f.Target()):
		list.Errorf(pos, "symbolic link to the absolute path %q leaves the extension root", f.Target()).Hint = "use a relative link or a copy"
	case safefile.Leaves(to), errors.Is(err, errLeaves), errors.Is(f.LinkErr(), errLeaves):
		list.Errorf(pos, "symbolic link to %q leaves the extension root", f.Target()).Hint = "use a copy"
	case errors.Is(f.LinkErr(), errLoop):
		list.Errorf(pos, "symbolic link to %q is part of a loop", f.Target()).Hint = "remove it"
	case err != nil:
		list.Warnf(pos, "symbolic link to %q, which is not in the package", f.Target())
	}
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	default:
		return "special file"
	}
}

// CheckName returns an error for a path that cannot be written to a bake file
// without a change: HCL normalises text to Unicode form C.
func CheckName(name string) bool { return norm.NFC.IsNormalString(name) }
