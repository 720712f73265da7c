package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/safefile"
)

// RootDir is the extension root.
const RootDir = "."

// Root returns the folder with the files of target t for distro d, relative to
// the extension root dir and separated by "/". d is zero if the target has no
// distro. The folder is targets.path if it is set (RFC 0128). Otherwise it is
// the deepest existing folder on the path os, arch, variant, name@version that
// contains more than folders of other platforms, or else [RootDir]. Root
// returns a [*diag.InvalidError] if the path does not exist, is not a folder,
// or leaves the extension root.
func Root(dir string, t extension.Target, d extension.Distro) (string, error) {
	if t.Path != "" {
		return givenRoot(dir, t)
	}
	walked := []string{RootDir}
	for _, names := range walkNames(t, d) {
		next, err := firstDir(dir, walked[len(walked)-1], names)
		if err != nil {
			return "", err
		}
		if next == "" {
			if slices.Equal(names, variantNames(t)) {
				continue // a distro folder may be directly below the arch
			}
			break
		}
		walked = append(walked, next)
	}
	return lastWithFiles(dir, walked)
}

// lastWithFiles returns the last of the folders that contains more than folders
// of other platforms. The others only lead to platform roots.
func lastWithFiles(dir string, walked []string) (string, error) {
	for i := len(walked) - 1; i > 0; i-- {
		nested, err := Nested(dir, walked[i])
		if err != nil {
			return "", err
		}
		entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(walked[i])))
		if err != nil {
			return "", fmt.Errorf("reading platform folder: %w", err)
		}
		if len(nested) == 0 || len(entries) > len(nested) {
			return walked[i], nil
		}
	}
	return RootDir, nil
}

// walkNames returns the folder names for a target, level by level.
func walkNames(t extension.Target, d extension.Distro) [][]string {
	levels := [][]string{{t.OS}, {t.Arch}}
	if names := variantNames(t); len(names) > 0 {
		levels = append(levels, names)
	}
	if d.Name != "" {
		levels = append(levels, []string{d.String()})
	}
	return levels
}

// variantNames returns the spelling of the target, followed by equivalent ones:
// the files of "arm" are in arm/v7, those of "arm64" may be in arm64/v8.
func variantNames(t extension.Target) []string {
	var names []string
	if t.Variant != "" {
		names = append(names, t.Variant)
	}
	for _, v := range []string{"v1", "v7", "v8"} {
		same := extension.Target{OS: t.OS, Arch: t.Arch, Variant: v}
		if v != t.Variant && Equal(Of(same), Of(t)) {
			names = append(names, v)
		}
	}
	return names
}

func givenRoot(dir string, t extension.Target) (string, error) {
	var list diag.List
	root, err := resolve(dir, t.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		list.Errorf(t.PathPosition, "targets.path %q does not exist in %s", t.Path, dir)
	case errors.Is(err, errLeaves):
		list.Errorf(t.PathPosition, "targets.path %q leaves the extension root", t.Path)
	case err != nil:
		list.Errorf(t.PathPosition, "targets.path %q: %v", t.Path, err)
	case !isDir(filepath.Join(dir, filepath.FromSlash(root))):
		list.Errorf(t.PathPosition, "targets.path %q is not a folder", t.Path)
	}
	return root, list.Err()
}

func firstDir(dir, parent string, names []string) (string, error) {
	for _, name := range names {
		candidate := path.Join(parent, name)
		if !isDir(filepath.Join(dir, filepath.FromSlash(candidate))) {
			continue
		}
		root, err := resolve(dir, candidate)
		if err != nil {
			return "", diag.WithHint(diag.Invalidf("platform root %s: %v", candidate, err), "replace the link by a folder inside the extension")
		}
		return root, nil
	}
	return "", nil
}

var errLeaves = errors.New("leaves the extension root")

// resolve follows symbolic links in the path of a folder, because BuildKit
// copies their targets, and checks that the result is inside the extension.
func resolve(dir, rel string) (string, error) {
	realDir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(filepath.Join(realDir, filepath.FromSlash(rel)))
	if err != nil {
		return "", err
	}
	in, err := filepath.Rel(realDir, real)
	if err != nil {
		return "", fmt.Errorf("resolving %s: %w", rel, err)
	}
	if in = filepath.ToSlash(in); safefile.Leaves(in) {
		return "", errLeaves
	}
	return in, nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

var (
	variantDir = lazyregexp.New(`^v[0-9]+(\.[0-9]+)?$`)
	distroDir  = lazyregexp.New(`^[a-z0-9][a-z0-9._-]*@[A-Za-z0-9._-]+$`)
)

// Discover returns the targets for which dir has platform folders
// (linux/amd64, linux/arm/v7, linux/amd64/ubuntu@24.04), in lexical order.
func Discover(dir string) ([]extension.Target, error) {
	var targets []extension.Target
	for _, folder := range Folders(dir) {
		os, arch, _ := strings.Cut(folder, "/")
		t := extension.Target{OS: os, Arch: arch}
		variants, distros, err := below(filepath.Join(dir, os, arch), t)
		if err != nil {
			return nil, err
		}
		t.Distros = distros
		if len(variants) == 0 || len(distros) > 0 || HasEntryPoints(filepath.Join(dir, os, arch)) {
			targets = append(targets, t)
		}
		for _, v := range variants {
			vt := extension.Target{OS: os, Arch: arch, Variant: v}
			if _, vt.Distros, err = below(filepath.Join(dir, os, arch, v), vt); err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(targets, func(o extension.Target) bool { return Equal(Of(o), Of(vt)) }) {
				targets = append(targets, vt)
			}
		}
	}
	return targets, nil
}

// Folders returns the platform folders os/arch of an extension root in lexical
// order. It only knows names of operating systems and architectures that Go
// has.
func Folders(dir string) []string {
	var folders []string
	for _, os := range extension.KnownOS() {
		for _, arch := range knownIn(filepath.Join(dir, os), extension.KnownArch()) {
			folders = append(folders, os+"/"+arch)
		}
	}
	slices.Sort(folders)
	return folders
}

// isFolder reports whether os/arch is one of the [Folders] of dir.
func isFolder(dir, os, arch string) bool {
	return slices.Contains(extension.KnownOS(), os) && slices.Contains(extension.KnownArch(), arch) && isDir(filepath.Join(dir, os, arch))
}

// knownIn returns the names of folders that dir has. Reading a folder of an
// operating system takes less than looking for every architecture.
func knownIn(dir string, names []string) []string {
	if !isDir(dir) {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var found []string
	for _, name := range names {
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.EqualFold(e.Name(), name) }) && isDir(filepath.Join(dir, name)) {
			found = append(found, name)
		}
	}
	return found
}

// below returns the variant and distro folders of a platform folder.
func below(dir string, t extension.Target) (variants []string, distros []extension.Distro, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("reading platform folder: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case !isDir(filepath.Join(dir, name)):
		case t.Variant == "" && variantDir.Get().MatchString(name):
			if extension.CheckPlatform(extension.Target{OS: t.OS, Arch: t.Arch, Variant: name}) == nil {
				variants = append(variants, name)
			}
		case distroDir.Get().MatchString(name):
			distro, version, _ := strings.Cut(name, "@")
			distros = append(distros, extension.Distro{Name: distro, Version: version})
		}
	}
	return variants, distros, nil
}
