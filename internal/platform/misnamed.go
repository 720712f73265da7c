package platform

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
)

// Misnamed gives the folders of an extension root that were meant as platform
// folders but are none, since an architecture has one name here: "linux/x86_64"
// stands for "linux/amd64", "linux/armhf" for "linux/arm/v7". It is a guess: what
// cannot be read is left out.
func Misnamed(dir string) map[string]string {
	found := map[string]string{}
	for _, system := range extension.KnownOS() {
		entries, err := os.ReadDir(filepath.Join(dir, system))
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if slices.Contains(extension.KnownArch(), name) || !isDir(filepath.Join(dir, system, name)) {
				continue
			}
			meant := platforms.Normalize(v1.Platform{OS: system, Architecture: name})
			if slices.Contains(extension.KnownArch(), meant.Architecture) {
				found[system+"/"+name] = Format(meant)
			}
		}
	}
	return found
}
