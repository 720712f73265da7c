package cliplugin

import (
	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// gitOptions are the flags of what is read from Git.
type gitOptions struct {
	versionFrom        string
	origin, allowDirty bool
	// ofDescriptor reports whether descriptors may ask for the origin.
	ofDescriptor bool
}

func (o *gitOptions) bind(f *pflag.FlagSet) {
	f.StringVar(&o.versionFrom, "version-from", "", `Source of the version: "git" for the tag of the commit, such as v1.2.3 or NAME/v1.2.3`)
}

// bindOrigin binds the flags of commands that write annotations.
func (o *gitOptions) bindOrigin(f *pflag.FlagSet) {
	f.BoolVar(&o.origin, "git", false, "Add annotations with the Git commit and origin (org.opencontainers.image.revision and source); the digest then changes with every commit")
}

func (o *gitOptions) apply(opts *plan.Options) error {
	switch {
	case o.versionFrom == "" || o.versionFrom == "git" && opts.Version == "":
	case opts.Version != "":
		return diag.WithHint(diag.Invalidf("--version and --version-from both name the version"), "leave one of them out")
	default:
		return choice.Check("--version-from", o.versionFrom, "git")
	}
	opts.Git = plan.GitOptions{Version: o.versionFrom != "", Origin: o.origin, OriginOfDescriptor: o.ofDescriptor, AllowDirty: o.allowDirty}
	return nil
}
