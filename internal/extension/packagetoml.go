package extension

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/text"
)

// ReadPackage reads package.toml in dir. It returns nil without an error if the
// file does not exist. List and error are as with [Read].
func ReadPackage(dir string) (*Package, diag.List, error) {
	return ReadPackageFile(filepath.Join(dir, PackageFile))
}

// ReadPackageFile is like ReadPackage for a file of any name.
func ReadPackageFile(file string) (*Package, diag.List, error) {
	dir := filepath.Dir(file)
	data, err := safefile.Read(dir, filepath.Base(file), MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if safefile.IsSystemFault(err) {
		return nil, nil, fmt.Errorf("reading %s: %w", file, safefile.Cause(err))
	}
	if err != nil {
		list := diag.List{unreadable(dir, file, err)}
		return nil, list, list.Err()
	}
	return ParsePackage(file, data)
}

// ParsePackage is like ReadPackage for content in memory. file is its name in
// messages, and its uri is relative to the directory of file.
func ParsePackage(file string, data []byte) (*Package, diag.List, error) {
	r := newReader(file, data)
	var p *Package
	if root := r.root(); root != nil {
		p = r.packageTOML(root)
	}
	list, err := r.result()
	if err != nil {
		return nil, list, err
	}
	return p, list, nil
}

func (r *reader) packageTOML(root *table) *Package {
	p := &Package{File: r.file, URI: Entry{Value: ".", Position: r.whole()}, Root: filepath.Dir(r.file)}
	if t := root.child("extension"); t != nil {
		if e := t.text("uri"); e != nil {
			p.URI, p.Root = *e, r.checkURI(e)
		}
		t.unknown()
	}
	switch buildpack := root.child("buildpack"); {
	case buildpack == nil:
	case p.URI.Position.Line > 0:
		r.report(rules.SettingIgnored, buildpack.position(), "[buildpack] beside [extension] is ignored")
	default:
		r.report(rules.Setting, buildpack.position(), "this is the package.toml of a buildpack").Hint = "package buildpacks with pack buildpack package; for an extension, write [extension] in place of [buildpack]"
	}
	p.Targets = r.targets(root, true)
	if t := root.child("platform"); t != nil {
		p.OS = r.platform(t)
	}
	if dependencies := root.children("dependencies"); len(dependencies) > 0 {
		r.report(rules.SettingIgnored, dependencies[0].position(), "extensions have no dependencies: [[dependencies]] is ignored")
	}
	root.unknown()
	return p
}

// checkURI returns the path of a uri: a directory or archive on this machine,
// relative to the working directory if the uri is relative.
func (r *reader) checkURI(e *Entry) string {
	if !r.checkControl("uri", e) {
		return ""
	}
	here := filepath.Dir(r.file)
	path, isFile := strings.CutPrefix(e.Value, "file://")
	if e.Value == "" || !isFile && strings.Contains(path, ":/") {
		r.report(rules.Setting, e.Position, "uri %s is neither a directory nor an archive on this machine", quote(e.Value)).Hint = uriHint(e.Value)
		return ""
	}
	there := filepath.FromSlash(path)
	if !filepath.IsAbs(there) {
		return filepath.Join(here, there)
	}
	if there = filepath.Clean(there); there == absolute(here) {
		return here
	}
	return there
}

// uriHint returns the next step for a uri that names no file.
func uriHint(uri string) string {
	if strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://") {
		return "if you trust it, name it on the command line: docker extpack build " + text.Quote(uri)
	}
	return "download the extension and run docker extpack build with its directory"
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// platform reads [platform], which [[targets]] replaced (RFC 0128); it is not
// used.
func (r *reader) platform(t *table) *Entry {
	os := t.text("os")
	t.unknown()
	if os == nil {
		return nil
	}
	if os.Value != "linux" && os.Value != "windows" {
		r.report(rules.Setting, os.Position, `os %s in [platform] must be "linux" or "windows"`, quote(os.Value))
		return nil
	}
	r.report(rules.SettingIgnored, os.Position, "os in [platform] is deprecated and ignored: [[targets]] replaced it (RFC 0128)").Hint = "name the platforms with [[targets]], and remove [platform]"
	return os
}
