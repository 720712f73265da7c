package bake

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// Grants gives what buildx must be allowed so that t builds: "fs.read=DIR" and
// the like, one for each folder or file and never more. What a flag names is
// allowed; what the descriptor names, only inside its own repository, so that
// building a stranger's extension reads no other file of this machine. What else
// it names is a [*diag.InvalidError] unless allow, the user's own grants, has
// it; buildx would refuse it too, but before 0.38 not always.
func (t Target) Grants(allow []string) ([]string, error) {
	e := t.Extension
	dir, err := real(e.Dir)
	if err != nil {
		return nil, fmt.Errorf("resolving context: %w", err)
	}
	g := &grants{inside: repository(dir), allow: allow, list: []string{"fs.read=" + dir}}
	if t.staged() {
		g.add("fs.read", e.DockerfilePath(e.Images[t.Images[0]]), false)
		for _, name := range slices.Sorted(maps.Keys(e.Build.Contexts)) {
			if prefix, path, ok := plan.ContextPath(e.Build.Contexts[name]); ok {
				if prefix != "" {
					path = plan.LayoutFolder(path)
				}
				g.add("fs.read", path, e.Build.Given[name])
			}
		}
		for _, s := range e.Build.Secrets {
			file := s.File()
			if _, err := os.Stat(file); err != nil && s.Path == "" {
				continue // has no source, rather than one of its name
			}
			g.add("fs.read", file, s.Flag)
		}
		if e.Build.Network == "host" {
			g.need("network.host", false, "the network of the builder's machine", "--allow network.host")
		}
		for _, s := range e.Build.SSH {
			if len(s.Paths) == 0 {
				g.need("ssh", e.Build.Asked, "your SSH agent", "--ssh "+s.ID)
			}
			for _, path := range s.Paths {
				g.add("fs.read", path, e.Build.Asked)
			}
		}
	}
	for _, s := range e.CacheFrom {
		g.add("fs.read", s.Path, s.Flag)
	}
	for _, s := range e.CacheTo {
		g.add("fs.write", s.Path, s.Flag)
	}
	return g.list, g.refused.Err()
}

type grants struct {
	inside  string
	allow   []string
	list    []string
	refused diag.List
}

func (g *grants) add(right, path string, flag bool) {
	if path == "" {
		return
	}
	path, err := real(path)
	if err != nil {
		return // what is not there is buildx's to report
	}
	grant := right + "=" + path
	switch {
	case slices.Contains(g.list, grant) || g.allowed(right, path):
	case flag || within(g.inside, path):
		g.list = append(g.list, grant)
	default:
		g.refused = append(g.refused, diag.Diagnostic{
			Message: fmt.Sprintf("the extension wants %s of %s, which is outside its repository %s", strings.TrimPrefix(right, "fs."), path, g.inside),
			Hint:    "if you trust it, add --allow " + grant,
		})
	}
}

// need grants what is no file, and what the user has to ask for.
func (g *grants) need(right string, flag bool, what, ask string) {
	switch {
	case slices.Contains(g.list, right) || slices.Contains(g.allow, right):
	case flag:
		g.list = append(g.list, right)
	default:
		g.refused = append(g.refused, diag.Diagnostic{
			Message: "the extension wants to use " + what,
			Hint:    "if you trust it, add " + ask,
		})
	}
}

// allowed reports whether the user granted it, for the path or a folder above.
func (g *grants) allowed(right, path string) bool {
	return slices.ContainsFunc(g.allow, func(a string) bool {
		granted, root, ok := strings.Cut(a, "=")
		if !ok || granted != right && granted != "fs" {
			return false
		}
		if root == "*" {
			return true
		}
		root, err := real(root)
		return err == nil && within(root, path)
	})
}

func within(root, path string) bool {
	return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, string(filepath.Separator))+string(filepath.Separator))
}

// real gives the absolute path without links, of a file that may not be there
// yet in a folder that is.
func real(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if os.IsNotExist(err) {
		parent, parentErr := real(filepath.Dir(path))
		return filepath.Join(parent, filepath.Base(path)), parentErr
	}
	return resolved, err
}

// repository gives the folder of the version control that dir is in, or dir.
// That of a whole home directory, with what configures its programs, is no
// repository of an extension.
func repository(dir string) string {
	home, err := os.UserHomeDir()
	if err == nil {
		home, _ = real(home)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if at == filepath.Dir(at) || at == home {
			return dir
		}
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at
		}
	}
}
