package cliplugin

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/format"
	"github.com/extpack/extpack/internal/version"
)

// versionInfo is the JSON of "docker extpack version".
type versionInfo struct {
	// Version is the version of docker extpack, "v1.2.3".
	Version string `json:"version"`
	// Revision is the commit that the binary was built from.
	Revision string `json:"revision,omitempty"`
	// Go is the version of the Go toolchain.
	Go string `json:"go"`
	// Platform is the platform of the binary, "linux/amd64".
	Platform string `json:"platform"`
}

func newVersionCmd(a *app) *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "version [OPTIONS]",
		Short: "Show the version",
		Args:  exactArgs(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			print, err := format.Printer(form)
			if err != nil {
				return err
			}
			v, revision := version.Get()
			info := versionInfo{Version: v, Revision: revision, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if print != nil {
				return print(a.cli.Out(), info)
			}
			_, err = fmt.Fprintln(a.cli.Out(), versionLine())
			return err
		},
	}
	cmd.Flags().StringVar(&form, "format", "", format.Usage)
	complete(cmd, "format", "json")
	return cmd
}

// versionLine returns the version as a line of text.
func versionLine() string {
	v, revision := version.Get()
	return strings.TrimSpace("docker extpack " + v + " " + revision)
}
