package platform

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/text"
)

// Misnamed returns the folders of an extension root that look like misspelt
// platform folders, each with the platform that was probably meant: other names
// of an architecture (linux/x86_64, linux/armv7), typos (linux/amd46,
// Linux/amd64), other layouts (linux-amd64, amd64). Folders that cannot be read
// are ignored, and so are other layouts of a platform that has a folder.
func Misnamed(dir string) map[string]v1.Platform {
	found := map[string]v1.Platform{}
	for _, name := range folders(dir) {
		if p, ok := otherLayout(name); ok {
			if !isDir(filepath.Join(dir, p.OS, p.Architecture)) {
				found[name] = p
			}
			continue
		}
		system := guessOS(name)
		if system == "" {
			continue
		}
		for _, below := range folders(filepath.Join(dir, name)) {
			if system == name && slices.Contains(extension.KnownArch(), below) {
				misnamedVariants(found, dir, name+"/"+below)
			} else if p, ok := guessArch(system, below, true); ok {
				found[name+"/"+below] = p
			}
		}
	}
	return found
}

// misnamedVariants adds the misspelt variant folders in a platform folder
// os/arch.
func misnamedVariants(found map[string]v1.Platform, dir, folder string) {
	system, arch, _ := strings.Cut(folder, "/")
	for _, name := range folders(filepath.Join(dir, filepath.FromSlash(folder))) {
		if variantDir.Get().MatchString(name) || !variantLike.Get().MatchString(name) {
			continue
		}
		t := extension.Target{OS: system, Arch: arch, Variant: "v" + strings.TrimLeft(name, "vV")}
		if extension.CheckPlatform(t) == nil {
			found[folder+"/"+name] = Of(t)
		}
	}
}

func folders(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if isDir(filepath.Join(dir, e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names
}

var (
	variantLike = lazyregexp.New(`^[vV]?[0-9](\.[0-9])?$`)
	separator   = lazyregexp.New(`[-_.+]`)
)

// otherLayout parses a folder name that combines os and arch, or that is an
// arch only.
func otherLayout(name string) (v1.Platform, bool) {
	if p, ok := guessArch("linux", name, false); ok {
		return p, true
	}
	parts := separator.Get().Split(name, 2)
	if len(parts) != 2 || !slices.Contains(extension.KnownOS(), strings.ToLower(parts[0])) {
		return v1.Platform{}, false
	}
	system := strings.ToLower(parts[0])
	if p, ok := guessArch(system, parts[1], true); ok {
		return p, true
	}
	arch := separator.Get().Split(parts[1], 2)
	if len(arch) != 2 {
		return v1.Platform{}, false
	}
	t := extension.Target{OS: system, Arch: strings.ToLower(arch[0]), Variant: strings.ToLower(arch[1])}
	return Of(t), extension.CheckPlatform(t) == nil
}

// guessOS returns the operating system that the name of a folder resembles, or
// "".
func guessOS(name string) string {
	if slices.Contains(extension.KnownOS(), name) {
		return name
	}
	if alias := platforms.Normalize(v1.Platform{OS: name}).OS; slices.Contains(extension.KnownOS(), alias) {
		return alias
	}
	return text.Closest(name, extension.KnownOS())
}

// guessArch returns the platform whose architecture the name of a folder
// resembles. slips allows for typos.
func guessArch(system, name string, slips bool) (v1.Platform, bool) {
	p, ok := extension.GuessArch(system, name)
	if !ok && slips {
		p, ok = extension.GuessArch(system, text.Closest(name, extension.KnownArch()))
	}
	return p, ok
}
