package cliplugin

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/docker/cli/cli/config"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// commonPlatforms are completed after those of the extension.
var commonPlatforms = []string{
	"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x", "windows/amd64",
}

// completePlatforms completes the platforms of the extension in the arguments,
// or in the working directory, followed by common ones.
func completePlatforms(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	dirs := args
	if extensions, err := cmd.Flags().GetStringArray("extension"); err == nil {
		dirs = extensions // for run-image, whose argument is an image
	}
	if len(dirs) == 0 {
		dirs = []string{"."}
	}
	var offered []string
	for _, dir := range dirs {
		if d, _, err := extension.Read(dir); err == nil {
			for _, t := range d.Targets {
				if t.OS != "" && t.Arch != "" {
					offered = append(offered, platform.Format(platform.Of(t)))
				}
			}
		}
		offered = append(offered, platform.Folders(dir)...)
	}
	offered = append(offered, commonPlatforms...)
	seen := map[string]bool{}
	offered = slices.DeleteFunc(offered, func(p string) bool {
		again := seen[p]
		seen[p] = true
		return again
	})
	return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeBuilders completes the builders of buildx. It reads buildx's state
// files, because buildx would contact each builder.
func completeBuilders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	dir := os.Getenv("BUILDX_CONFIG")
	if dir == "" {
		dir = filepath.Join(config.Dir(), "buildx")
	}
	return append(buildx.Names(dir), "default"), cobra.ShellCompDirectiveNoFileComp
}
