package plan

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// scp matches the addresses of repositories in the form of scp (BuildKit,
// util/sshutil, "gitSSHRegex").
var scp = lazyregexp.New(`^git@[a-zA-Z0-9.-]+:[^\n?#]*(?:\?([^\n#]*))?(?:#[^\n]*)?$`)

// isRemote reports whether a context is not a local folder (docker buildx
// build, "--build-context"). It must not accept more than buildx (BuildKit,
// util/gitutil, "ParseURL"), which treats anything else as a folder, anywhere
// on this machine: "cwd:///etc", or "git@x/../.." if a folder "git@x" exists.
func isRemote(context string) bool {
	for _, prefix := range []string{imagePrefix, "http://", "https://"} {
		if strings.HasPrefix(context, prefix) {
			return true
		}
	}
	for _, prefix := range []string{"git://", "ssh://", "github.com/"} {
		if strings.HasPrefix(context, prefix) {
			_, err := url.Parse(context)
			return err == nil
		}
	}
	address := scp.Get().FindStringSubmatch(context)
	if address == nil {
		return false
	}
	_, err := url.ParseQuery(address[1])
	return err == nil
}

const (
	layoutPrefix = "oci-layout://"
	imagePrefix  = "docker-image://"
)

// context returns a context with its path relative to the working directory.
// pos and what are its origin in messages.
func (p *buildPlanner) context(pos diag.Position, what, value, base string) string {
	p.checkForm(pos, what, value)
	if layout, ok := strings.CutPrefix(value, layoutPrefix); ok {
		layout = from(base, layout)
		if folder := LayoutFolder(layout); !isFolder(folder) {
			p.list.Errorf(pos, "%s: folder %s with an OCI layout not found", what, folder)
		}
		return layoutPrefix + layout
	}
	if strings.HasPrefix(value, "target:") {
		p.list.Errorf(pos, "%s: %q names a bake target, but only docker extpack defines targets", what, value).Hint = "add a stage to the Dockerfile instead"
		return value
	}
	if isRemote(value) {
		return value
	}
	folder := from(base, value)
	if !isFolder(folder) {
		p.list.Errorf(pos, "%s: folder %s not found", what, folder).Hint = `write "docker-image://…" before the name of an image`
	}
	if isRemote(folder) {
		return "./" + folder // a folder with such a name
	}
	return folder
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// ContextPath returns the path of a local context, and its prefix.
func ContextPath(context string) (prefix, path string, ok bool) {
	if layout, ok := strings.CutPrefix(context, layoutPrefix); ok {
		return layoutPrefix, layout, true
	}
	return "", context, !isRemote(context)
}

// LayoutFolder returns the folder of an OCI layout without the tag and digest
// that may follow it, split as in buildx.
func LayoutFolder(path string) string {
	if i := strings.LastIndex(path, "@"); i >= 0 && reference.DigestRegexp.MatchString(path[i+1:]) {
		path = path[:i]
	}
	if i := strings.LastIndex(path, ":"); i >= len(filepath.VolumeName(path)) && reference.TagRegexp.MatchString(path[i+1:]) {
		path = path[:i]
	}
	return path
}

// from returns a path that is relative to base, relative to the working
// directory.
func from(base, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(base, filepath.FromSlash(name))
}
