package cliplugin

import (
	"fmt"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/text"
)

// newBuilderCmd is the group of commands about the builder itself.
func newBuilderCmd(dockerCLI command.Cli) *cobra.Command {
	return newGroup("builder", "Check and set up the builder",
		"Find out whether the next build will work, and make a buildx builder that is fit\n"+
			"for several platforms.",
		newBuilderDoctorCmd(dockerCLI, runBuilderDoctor),
		newBuilderEnsureCmd(dockerCLI, runBuilderEnsure),
	)
}

// findBuildx returns the user's buildx, ready to run.
func findBuildx(dockerCLI command.Cli, cmd *cobra.Command, warn func(string)) (*buildx.Client, error) {
	env, err := dockerEnv(dockerCLI, cmd)
	if err != nil {
		return nil, err
	}
	client, err := buildx.FindClient(dockerCLI, cmd.Root(), warn)
	if err != nil {
		return nil, err
	}
	client.Env = buildx.Environ(env)
	return client, nil
}

// logTo gives a log that writes lines to standard error.
func logTo(dockerCLI command.Cli, quiet bool) func(string, ...any) {
	return func(format string, args ...any) {
		if !quiet {
			fmt.Fprintln(dockerCLI.Err(), text.Clean(fmt.Sprintf(format, args...)))
		}
	}
}
