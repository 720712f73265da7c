package extension

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
)

var errLink = errors.New("is a symbolic link")

// unreadable returns the reason why a descriptor cannot be read, and a hint.
func unreadable(dir, file string, err error) diag.Diagnostic {
	d := diag.Diagnostic{
		Position: diag.Position{File: file}, Rule: rules.Descriptor.ID,
		Hint: "name the directory that contains " + DescriptorFile,
	}
	clean := filepath.Clean(dir) // without a trailing slash
	info, statErr := os.Stat(clean)
	var pathErr *fs.PathError
	switch {
	case statErr == nil && !info.IsDir():
		d.Position.File = clean
		d.Message, d.Hint = notDirectory(clean, d.Hint)
	case errors.Is(err, fs.ErrNotExist) && statErr != nil:
		d.Position.File, d.Message = dir, "no such directory"
		d.Hint += destinationHint(dir)
	case errors.Is(err, fs.ErrNotExist):
		d.Message = "no such file"
		d.Hint = besides(dir, d.Hint)
	case errors.Is(err, errLink):
		d.Message, d.Hint = err.Error(), "replace the link by a copy"
	case errors.Is(err, safefile.ErrOutside):
		d.Message, d.Hint = err.Error(), diag.Hint(err)
	case errors.Is(err, safefile.ErrTooLarge):
		d.Message, d.Hint = err.Error(), hintTooLarge
	case errors.As(err, &pathErr):
		d.Message = "cannot be read: " + pathErr.Err.Error()
	default:
		d.Message = err.Error()
	}
	return d
}

// notDirectory returns message and hint for a file instead of a directory.
func notDirectory(name, hint string) (string, string) {
	if strings.HasSuffix(name, ".cnb") {
		return "is a package file, not the directory of an extension", inspectHint(name)
	}
	if strings.EqualFold(filepath.Base(name), DescriptorFile) {
		hint = "name its directory: " + filepath.Dir(name)
	}
	return "is a file, not the directory of an extension", hint
}

// destinationHint is the hint for a destination instead of a directory, because
// "pack extension package" has a destination as its argument.
func destinationHint(name string) string {
	slashed := filepath.ToSlash(name)
	host, _, hasHost := strings.Cut(slashed, "/")
	tag := slashed[strings.LastIndexByte(slashed, '/')+1:]
	switch {
	case strings.HasSuffix(name, ".cnb"):
		return fmt.Sprintf(`; to write that file, add "-o %s"`, name)
	case strings.HasPrefix(name, ".") || filepath.IsAbs(name):
		return ""
	case hasHost && strings.ContainsAny(host, ".:"), strings.ContainsAny(tag, ":@"):
		return fmt.Sprintf(`; to publish there, add "--push -t %s"`, name)
	}
	return ""
}

// besides returns the hint for a directory that has no descriptor.
func besides(dir, hint string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return hint
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
		if strings.EqualFold(e.Name(), DescriptorFile) {
			return fmt.Sprintf("rename %s to %s", e.Name(), DescriptorFile)
		}
	}
	switch {
	case names["oci-layout"]:
		return inspectHint(dir)
	case names["buildpack.toml"]:
		return `buildpack.toml describes a buildpack, which "pack buildpack package" packages; image extensions have ` + DescriptorFile
	}
	if below := extensionsBelow(dir); len(below) > 0 {
		return hint + ": " + strings.Join(below, " ")
	}
	if above := extensionAbove(dir); above != "" {
		return hint + ": " + above
	}
	return hint
}

// extensionAbove returns the nearest directory above dir that has a descriptor,
// or "".
func extensionAbove(dir string) string {
	const most = 5
	for range most {
		dir = filepath.Join(dir, "..")
		if info, err := os.Lstat(filepath.Join(dir, DescriptorFile)); err == nil && info.Mode().IsRegular() {
			return dir
		}
	}
	return ""
}

// extensionsBelow returns some directories in dir that have a descriptor.
func extensionsBelow(dir string) []string {
	const most = 3
	root := os.DirFS(dir)
	for _, pattern := range []string{"*/" + DescriptorFile, "*/*/" + DescriptorFile} {
		found, _ := fs.Glob(root, pattern)
		var below []string
		for _, name := range found {
			if len(below) == most {
				return append(below, "…")
			}
			below = append(below, filepath.Join(dir, filepath.Dir(filepath.FromSlash(name))))
		}
		if len(below) > 0 {
			return below
		}
	}
	return nil
}

func inspectHint(name string) string {
	return fmt.Sprintf(`"docker extpack inspect %s" shows its content, "docker extpack index create -t REFERENCE %[1]s" publishes it`, name)
}
