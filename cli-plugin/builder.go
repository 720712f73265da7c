package cliplugin

import "github.com/spf13/cobra"

// newBuilderCmd returns the group of commands for builders.
func newBuilderCmd(a *app) *cobra.Command {
	return newGroup("builder", "Check and set up the builder",
		"Find out whether the next build will work, and make a buildx builder that is fit\n"+
			"for several platforms.",
		newBuilderDoctorCmd(a, runBuilderDoctor),
		newBuilderEnsureCmd(a, runBuilderEnsure),
	)
}
