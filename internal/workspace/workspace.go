// Package workspace reads extpack.toml at the root of a repository with several
// extensions: which folders have extensions, and the settings they share.
//
//	[workspace]
//	members = ["extensions/*"]
//	tags = ["ghcr.io/acme/{{.Slug}}:{{.Version}}"]
//
// A file of that name in the configuration directory of the docker CLI is
// another one: it grants access (package grants). A workspace never does.
package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/safefile"
)

// FileName is the name of the file of a workspace.
const FileName = "extpack.toml"

const maxFile = extension.MaxSize

// maxEntries is how many entries of folders the patterns of a workspace are
// compared with. Links to folders above make their number exponential.
const maxEntries = 100_000

// Workspace is a valid file.
type Workspace struct {
	File string
	// Members are the directories of extensions, in the order of the file and
	// sorted for each pattern.
	Members []string
	// Defaults are the settings of members that do not have their own.
	Defaults plan.Defaults
}

// Read returns the workspace whose file is in dir, or nil if there is none. It
// returns a [*diag.InvalidError] for an invalid file.
func Read(dir string) (*Workspace, error) {
	file := filepath.Join(dir, FileName)
	data, err := safefile.Read(dir, FileName, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case safefile.IsSystemFault(err):
		return nil, fmt.Errorf("reading %s: %w", file, safefile.Cause(err))
	case err != nil:
		return nil, diag.Invalidf("%s: %v", file, safefile.Cause(err))
	}
	parsed, err := extension.ParseWorkspace(file, data)
	if err != nil {
		return nil, err
	}
	w := &Workspace{File: file, Defaults: plan.Defaults{
		Tags: values(parsed.Tags), Labels: parsed.Labels, Annotations: parsed.Annotations,
		LabelPositions: parsed.LabelPositions, AnnotationPositions: parsed.AnnotationPositions,
	}}
	var list diag.List
	for _, e := range parsed.Targets {
		t, err := platform.ParseTarget(e.Value)
		if err != nil {
			list.Errorf(e.Position, "%v", err)
		}
		w.Defaults.Targets = append(w.Defaults.Targets, t)
	}
	for _, e := range parsed.Tags {
		if err := plan.CheckTag(e.Value); err != nil {
			list.Errorf(e.Position, "%v", err)
		}
	}
	w.Members = members(dir, parsed, &list)
	return w, list.Err()
}

func values(entries []extension.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Value)
	}
	return out
}

// members returns the folders that match the patterns. Of the matches of a
// pattern with wildcards, those without an extension are left out.
func members(dir string, parsed *extension.WorkspaceFile, list *diag.List) []string {
	files := &folder{FS: os.DirFS(dir), dir: dir, left: maxEntries}
	excluded, seen := map[string]bool{}, map[string]bool{}
	for _, pattern := range parsed.Exclude {
		for _, name := range files.match(pattern, list) {
			excluded[name] = true
		}
	}
	var all []string
	for _, pattern := range parsed.Members {
		wild := strings.ContainsAny(pattern.Value, "*?[")
		for _, name := range files.match(pattern, list) {
			switch {
			case excluded[name], seen[name], wild && !HasExtension(name):
				continue
			case leaves(dir, name):
				list.Errorf(pattern.Position, "%s is a link to outside of the workspace", name).Hint = "replace the link by a copy"
			case !wild && !isFolder(name):
				list.Errorf(pattern.Position, "folder %q not found", pattern.Value).Hint = "name the folder of an extension, relative to " + dir
			}
			seen[name] = true
			all = append(all, name)
		}
	}
	if len(all) == 0 && len(*list) == 0 {
		list.Errorf(parsed.Members[0].Position, "no member contains an extension").Hint = "members are " + strings.Join(values(parsed.Members), ", ") + ", relative to the file"
	}
	return all
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// leaves reports whether name, a member of the workspace in dir, is elsewhere
// because of a link. A member that does not exist is reported when it is read.
func leaves(dir, name string) bool {
	root, err := safefile.Real(dir)
	if err != nil {
		return false
	}
	real, err := safefile.Real(name)
	return err == nil && !safefile.Within(root, real)
}

// folder is the folder of a workspace. It counts the entries that are read.
type folder struct {
	fs.FS
	dir  string
	left int
}

var errTooMany = errors.New("too many entries")

// ReadDir implements [fs.ReadDirFS] for [fs.Glob], which ignores the error.
func (f *folder) ReadDir(name string) ([]fs.DirEntry, error) {
	if f.left < 0 {
		return nil, errTooMany
	}
	entries, err := fs.ReadDir(f.FS, name)
	if f.left -= len(entries) + 1; f.left < 0 {
		return nil, errTooMany
	}
	return entries, err
}

// match returns the paths that match a pattern.
func (f *folder) match(pattern extension.Entry, list *diag.List) []string {
	name := filepath.FromSlash(pattern.Value)
	if !filepath.IsLocal(name) {
		list.Errorf(pattern.Position, "%q is outside the workspace", pattern.Value).Hint = "name folders below " + f.dir
		return nil
	}
	if !strings.ContainsAny(pattern.Value, "*?[") {
		return []string{filepath.Join(f.dir, name)}
	}
	found, err := fs.Glob(f, filepath.ToSlash(filepath.Clean(name)))
	switch {
	case err != nil:
		list.Errorf(pattern.Position, "the pattern %q is not valid", pattern.Value)
		return nil
	case f.left < 0:
		list.Errorf(pattern.Position, "the pattern %q would be compared with more than %d entries", pattern.Value, maxEntries).Hint = "name the folders of extensions, or fewer levels of folders"
		return nil
	}
	for i, name := range found {
		found[i] = filepath.Join(f.dir, filepath.FromSlash(name))
	}
	return found
}

// HasExtension reports whether a directory has an extension.toml, or a
// package.toml that names an extension.
func HasExtension(dir string) bool {
	for _, name := range []string{extension.DescriptorFile, extension.PackageFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// Dirs returns the directories of extensions that arguments name, with the members
// of workspaces. It returns an error for duplicates, which result from
// overlapping patterns. What cannot be read is left to the reader.
func Dirs(args []string) ([]string, error) {
	args, err := Expand(args)
	if err != nil {
		return nil, err
	}
	seen := make([]os.FileInfo, len(args)) // nil for what is not on this machine
	for i, dir := range args {
		if seen[i], err = os.Stat(dir); err != nil {
			seen[i] = nil
			continue
		}
		for j, other := range seen[:i] {
			if other != nil && os.SameFile(seen[i], other) {
				return nil, diag.WithHint(diag.Invalidf("%s and %s are the same directory", args[j], dir), "name each extension once")
			}
		}
	}
	return args, nil
}

// Expand replaces directories that have a workspace and no extension by the
// members of the workspace.
func Expand(dirs []string) ([]string, error) {
	var all []string
	for _, dir := range dirs {
		if HasExtension(dir) {
			all = append(all, dir)
			continue
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			all = append(all, dir) // reading it reports the error
			continue
		}
		w, err := Read(dir)
		if err != nil {
			return nil, err
		}
		if w == nil {
			all = append(all, dir)
			continue
		}
		all = append(all, w.Members...)
	}
	return all, nil
}

// WithoutOthers returns the names without folders and files that are neither
// extensions nor workspaces, nor archives or package.toml. It returns a
// [*diag.InvalidError] if none is left.
func WithoutOthers(names []string) ([]string, error) {
	var left []string
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case err != nil: // reading it reports the error
		case info.IsDir():
			if _, err := os.Lstat(filepath.Join(name, FileName)); err != nil && !HasExtension(name) {
				continue
			}
		case !plan.IsExtensionFile(name):
			continue
		}
		left = append(left, name)
	}
	if len(left) == 0 {
		return nil, diag.Invalidf("--skip-others: none of %s is the directory of an extension", strings.Join(names, ", "))
	}
	return left, nil
}

// DefaultsOf returns the shared settings for the extension at name, a directory
// or its package.toml: those of the nearest workspace above it, if the directory
// is a member. No folder outside the repository is read.
func DefaultsOf(name string) (plan.Defaults, error) {
	if info, err := os.Stat(name); err == nil && !info.IsDir() {
		name = filepath.Dir(name)
	}
	real, err := safefile.Real(name)
	if err != nil {
		return plan.Defaults{}, nil // reading the extension reports the error
	}
	top := boundary(real)
	for at := real; safefile.Within(top, at); at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, FileName)); err == nil {
			w, err := Read(at)
			if err != nil {
				return plan.Defaults{}, err
			}
			if slices.Contains(w.Members, real) {
				return w.Defaults, nil
			}
			return plan.Defaults{}, nil
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return plan.Defaults{}, nil
}

// boundary returns the topmost folder that may have a workspace for dir: the
// root of its repository or, outside repositories, the working directory.
func boundary(dir string) string {
	if root, disowned := grants.RepositoryOf(dir); disowned == "" && root != dir {
		return root
	}
	here, err := os.Getwd()
	if err != nil {
		return dir
	}
	if here, err = safefile.Real(here); err == nil && safefile.Within(here, dir) {
		return here
	}
	return dir
}
