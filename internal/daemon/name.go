package daemon

import (
	"github.com/distribution/reference"

	"github.com/extpack/extpack/internal/diag"
)

// Name is the name of an image in an engine.
type Name struct{ tagged reference.NamedTagged }

// ParseName parses "repository[:tag]"; the default tag is "latest". It returns
// a [*diag.InvalidError] for an invalid name.
func ParseName(s string) (Name, error) {
	const hint = "add -t NAME:TAG"
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return Name{}, diag.WithHint(diag.Invalidf("--load: %q is not a valid image name: %v", s, err), hint)
	}
	if _, ok := named.(reference.Digested); ok {
		return Name{}, diag.WithHint(diag.Invalidf("--load: %q has a digest, so it cannot be published to", s), hint)
	}
	return Name{reference.TagNameOnly(named).(reference.NamedTagged)}, nil
}

// String returns the form that docker prints, without docker.io/library.
func (n Name) String() string { return reference.FamiliarString(n.tagged) }

// full returns the form with the registry.
func (n Name) full() string { return n.tagged.String() }
