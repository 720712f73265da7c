package platform

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/extension"
)

// Nested returns the folders below root, a result of [Root], that have the
// files of other platforms or distros and are thus not part of it: os/arch
// folders below the extension root, arch folders below an os folder, variant
// and distro folders below an os/arch folder. They are relative to root.
func Nested(dir, root string) ([]string, error) {
	if root == RootDir {
		return nestedInRoot(dir)
	}
	parts := strings.Split(root, "/")
	if len(parts) == 1 {
		return nestedInOS(Folders(dir), root), nil
	}
	if len(parts) > 3 || !isFolder(dir, parts[0], parts[1]) {
		return nil, nil
	}
	t := extension.Target{OS: parts[0], Arch: parts[1]}
	if len(parts) == 3 {
		// Do not descend into a distro folder: its content belongs to the
		// extension.
		if t.Variant = parts[2]; !variantDir.Get().MatchString(t.Variant) {
			return nil, nil
		}
	}
	variants, distros, err := below(filepath.Join(dir, filepath.FromSlash(root)), t)
	for _, d := range distros {
		variants = append(variants, d.String())
	}
	slices.Sort(variants)
	return variants, err
}

// nestedInOS returns the arch folders of an os folder. The os folder is the
// root of platforms without an arch folder.
func nestedInOS(folders []string, os string) []string {
	var nested []string
	for _, f := range folders {
		if arch, ok := strings.CutPrefix(f, os+"/"); ok {
			nested = append(nested, arch)
		}
	}
	return nested
}

// nestedInRoot returns the platform folders os/arch, or the whole os folder if
// it contains nothing else.
func nestedInRoot(dir string) ([]string, error) {
	var nested []string
	byOS := map[string]int{}
	folders := Folders(dir)
	for _, f := range folders {
		byOS[path.Dir(f)]++
	}
	for _, f := range folders {
		osDir := path.Dir(f)
		entries, err := os.ReadDir(filepath.Join(dir, osDir))
		if err != nil {
			return nil, fmt.Errorf("reading platform folder: %w", err)
		}
		if len(entries) == byOS[osDir] {
			f = osDir
		}
		if !slices.Contains(nested, f) {
			nested = append(nested, f)
		}
	}
	return nested, nil
}

// HasEntryPoints reports whether dir has the entry points of an extension:
// bin/detect or bin/generate, or their static outputs detect and generate
// (Image Extension Specification, "Static Files").
func HasEntryPoints(dir string) bool {
	return slices.ContainsFunc([]string{extension.DetectFile, extension.GenerateFile, extension.DetectDir, extension.GenerateDir}, func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		return err == nil
	})
}
