package cliplugin

import "github.com/spf13/cobra"

// newBuilderCmd returns the group of commands for builders.
func newBuilderCmd(a *app) *cobra.Command {
	return newGroup("builder", "Check and set up the builder",
		"Check whether the next build will work, and create a buildx builder for several\n"+
			"platforms.",
		newBuilderDoctorCmd(a, runBuilderDoctor),
		newBuilderEnsureCmd(a, runBuilderEnsure),
	)
}
