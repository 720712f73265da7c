package cliplugin

import (
	"fmt"
	"io"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/text"
	"github.com/extpack/extpack/internal/version"
)

// app is what the commands share.
type app struct {
	cli  command.Cli
	root *cobra.Command // the command of the plugin, below docker's when docker runs it
}

// buildx returns the user's buildx, ready to run.
func (a *app) buildx(warn func(string)) (*buildx.Client, error) {
	return buildx.FindClient(a.cli, a.root.Root(), warn)
}

// registry returns a client with docker's credentials. log and progress may be
// nil.
func (a *app) registry(insecure bool, log func(string, ...any), progress func(registry.Event)) *registry.Client {
	v, _ := version.Get()
	return registry.New(registry.Options{
		Credentials: registry.DockerCredentials(a.cli.ConfigFile(), log),
		Insecure:    insecure,
		CertDirs:    registry.DockerCertDirs(config.Dir()),
		UserAgent:   "docker-extpack/" + v,
		Log:         log,
		Progress:    progress,
	})
}

// log returns a log that writes lines to standard error.
func (a *app) log(quiet bool) func(string, ...any) { return logTo(a.cli.Err(), quiet) }

// logTo returns a log that writes lines to w, none if quiet.
func logTo(w io.Writer, quiet bool) func(string, ...any) {
	return func(format string, args ...any) {
		if !quiet {
			fmt.Fprintln(w, text.Clean(fmt.Sprintf(format, args...)))
		}
	}
}
