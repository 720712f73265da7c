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
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/safefile"
)

// FileName is the name of the file of a workspace.
const FileName = "extpack.toml"

const maxFile = 1 << 20

// Workspace is a valid file.
type Workspace struct {
	File string
	// Members are the directories of extensions, in the order of the file and
	// sorted for each pattern.
	Members []string
	// Defaults are the settings of members that do not have their own.
	Defaults plan.Defaults
}

// document is the file as written.
type document struct {
	Workspace *struct {
		Members     []string          `toml:"members"`
		Exclude     []string          `toml:"exclude"`
		Tags        []string          `toml:"tags"`
		Targets     []string          `toml:"targets"`
		Labels      map[string]string `toml:"labels"`
		Annotations map[string]string `toml:"annotations"`
	} `toml:"workspace"`
	Trust any `toml:"trust"`
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
	var doc document
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&doc); err != nil {
		return nil, invalid(file, err)
	}
	if doc.Trust != nil {
		return nil, diag.WithHint(diag.Invalidf("%s: [[trust]] is not supported in a workspace: a file of a repository cannot grant access", file),
			"move [[trust]] to "+grants.FileName+" in the configuration directory of docker")
	}
	if doc.Workspace == nil {
		return nil, diag.WithHint(diag.Invalidf("%s has no [workspace]", file), `write [workspace] with members = ["extensions/*"]`)
	}
	w := &Workspace{File: file, Defaults: plan.Defaults{
		Tags: doc.Workspace.Tags, Labels: doc.Workspace.Labels, Annotations: doc.Workspace.Annotations,
	}}
	if err := w.check(); err != nil {
		return nil, err
	}
	for _, text := range doc.Workspace.Targets {
		t, err := platform.ParseTarget(text)
		if err != nil {
			return nil, diag.WithHint(diag.Invalidf("%s: %v", file, err), diag.Hint(err))
		}
		w.Defaults.Targets = append(w.Defaults.Targets, t)
	}
	w.Members, err = members(dir, file, doc.Workspace.Members, doc.Workspace.Exclude)
	return w, err
}

// check returns an error for labels and annotations that docker extpack writes.
func (w *Workspace) check() error {
	for _, values := range []map[string]string{w.Defaults.Labels, w.Defaults.Annotations} {
		for key := range values {
			if strings.HasPrefix(key, extension.ReservedPrefix) {
				return diag.Invalidf("%s: %q: names that begin with %q are reserved", w.File, key, extension.ReservedPrefix)
			}
		}
	}
	return nil
}

// members returns the folders that match the patterns. Of the matches of a
// pattern with wildcards, those without an extension are left out.
func members(dir, file string, patterns, exclude []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, diag.WithHint(diag.Invalidf("%s: members is required", file), `write members = ["extensions/*"]`)
	}
	excluded := map[string]bool{}
	for _, pattern := range exclude {
		found, err := match(dir, file, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			excluded[name] = true
		}
	}
	var all []string
	for _, pattern := range patterns {
		found, err := match(dir, file, pattern)
		if err != nil {
			return nil, err
		}
		wild := strings.ContainsAny(pattern, "*?[")
		for _, name := range found {
			if !excluded[name] && !slices.Contains(all, name) && (!wild || HasExtension(name)) {
				all = append(all, name)
			}
		}
	}
	if len(all) == 0 {
		return nil, diag.WithHint(diag.Invalidf("%s: no member has an extension", file), "members are "+strings.Join(patterns, ", ")+", relative to the file")
	}
	return all, nil
}

func match(dir, file, pattern string) ([]string, error) {
	name := filepath.FromSlash(pattern)
	if !filepath.IsLocal(name) {
		return nil, diag.WithHint(diag.Invalidf("%s: %q is outside the workspace", file, pattern), "name folders below "+dir)
	}
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{filepath.Join(dir, name)}, nil
	}
	found, err := fs.Glob(os.DirFS(dir), filepath.ToSlash(filepath.Clean(name)))
	if err != nil {
		return nil, diag.Invalidf("%s: the pattern %q is not valid", file, pattern)
	}
	for i, name := range found {
		found[i] = filepath.Join(dir, filepath.FromSlash(name))
	}
	return found, nil
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

func invalid(file string, err error) error {
	d := diag.Diagnostic{Position: diag.Position{File: file}, Message: strings.TrimPrefix(err.Error(), "toml: ")}
	var strict *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		d.Line, d.Column = strict.Errors[0].Position()
		d.Message = fmt.Sprintf("unknown key %q", strings.Join(strict.Errors[0].Key(), "."))
		d.Hint = "[workspace] has members, exclude, tags, targets, labels and annotations"
	case errors.As(err, &decode):
		d.Line, d.Column = decode.Position()
	}
	return &diag.InvalidError{Diagnostics: diag.List{d}}
}
