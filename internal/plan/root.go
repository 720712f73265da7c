package plan

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/text"
)

// findRoot returns the extension root for name, and the package.toml that
// applies. name is a directory, a package.toml of any name, or an archive. In a
// directory, its package.toml applies, which may name another directory or an
// archive, or else one in the parent directory that names it.
func findRoot(ctx context.Context, name string, opts Options) (string, *extension.Package, diag.List, error) {
	dir, file := name, filepath.Join(name, extension.PackageFile)
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		switch {
		case isArchive(name):
			root, err := unpacked(ctx, name, opts)
			return root, nil, nil, err
		case IsExtensionFile(name):
			dir, file = filepath.Dir(name), name
		}
	}
	pkg, list, err := extension.ReadPackageFile(file)
	if err != nil {
		return dir, nil, list, err
	}
	if pkg == nil {
		if pkg, list = parentPackage(dir); pkg == nil {
			return dir, nil, nil, nil
		}
	}
	if samePlace(pkg.Root, dir) {
		return dir, pkg, list, nil
	}
	root, err := packagedRoot(ctx, pkg, dir, opts)
	return root, pkg, list, err
}

// parentPackage returns the package.toml in the parent directory, if it exists
// and names dir. Problems of one that does not name dir are not reported.
func parentPackage(dir string) (*extension.Package, diag.List) {
	pkg, list, err := extension.ReadPackage(filepath.Join(dir, ".."))
	if err != nil || pkg == nil || !samePlace(pkg.Root, dir) {
		return nil, nil
	}
	return pkg, list
}

// packagedRoot returns the extension root that package.toml in dir names: a
// directory, or the content of an archive. It must be in the repository of dir,
// so that an untrusted file cannot refer to other files of this machine.
func packagedRoot(ctx context.Context, pkg *extension.Package, dir string, opts Options) (string, error) {
	refuse := func(hint, format string, args ...any) error {
		var list diag.List
		list.Errorf(pkg.URI.Position, format, args...)
		list[0].Hint = hint
		return list.Err()
	}
	info, err := os.Stat(pkg.Root)
	if err != nil {
		return "", refuse("", "uri %q: %s not found", pkg.URI.Value, pkg.Root)
	}
	from, err := safefile.Real(dir)
	if err != nil {
		return "", err
	}
	to, err := safefile.Real(pkg.Root)
	if err != nil {
		return "", err
	}
	if repository, _ := grants.RepositoryOf(from); !safefile.Within(repository, to) {
		return "", refuse("if you trust it, name the extension directly: docker extpack build "+text.Quote(pkg.Root), "uri %q is outside the repository of package.toml, %s", pkg.URI.Value, repository)
	}
	switch {
	case info.IsDir():
		return pkg.Root, nil
	case !info.Mode().IsRegular() || !isArchive(pkg.Root):
		return "", refuse("name the directory of the extension, or a .tgz of it", "uri %q is neither a directory nor an archive", pkg.URI.Value)
	case opts.Unpack == nil:
		return "", refuse("extract it, and name the directory in uri", "uri %q is an archive, and a bake file requires a directory", pkg.URI.Value)
	}
	root, err := opts.Unpack(ctx, pkg.Root)
	if diag.IsInvalid(err) {
		return "", refuse("", "uri %q: %v", pkg.URI.Value, err)
	}
	return root, err
}

// unpacked returns the folder with the content of the archive that an argument
// names.
func unpacked(ctx context.Context, name string, opts Options) (string, error) {
	if opts.Unpack == nil {
		return name, diag.WithHint(diag.Invalidf("%s is an archive, and a bake file requires a directory", name), "extract it, and name the directory")
	}
	root, err := opts.Unpack(ctx, name)
	if diag.IsInvalid(err) {
		return name, diag.Invalidf("%s: %v", name, err)
	}
	return root, err
}

// IsExtensionFile reports whether a file can name an extension: an archive, or
// a package.toml of any name.
func IsExtensionFile(name string) bool {
	base := filepath.Base(name)
	return isArchive(name) || filepath.Ext(name) == ".toml" && base != extension.DescriptorFile
}

func isArchive(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasSuffix(lower, ".tgz") || strings.HasSuffix(lower, ".tar.gz") || strings.HasSuffix(lower, ".tar")
}

func samePlace(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}
