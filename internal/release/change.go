package release

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registry"
)

// Change is what publishing would do to a tag.
type Change struct {
	Tag registry.Reference
	// From is the digest of the tag, "" if it does not exist. To is the digest
	// of the package, "" if it is not known before the build.
	From, To digest.Digest
	// Err is the reason why the tag would not be moved, or could not be looked
	// at: a [*KeptError], a [*diag.InvalidError] or another failure.
	Err error
}

// Refused reports whether publishing would fail because of the tag.
func (c Change) Refused() bool { return diag.IsInvalid(c.Err) }

// Unseen reports whether the tag could not be looked at.
func (c Change) Unseen() bool {
	return c.Err != nil && !c.Refused() && !errors.Is(c.Err, registry.ErrKept)
}

// String returns the change in words.
func (c Change) String() string {
	what := fmt.Sprintf("would move from %s to %s", c.From, c.To)
	switch {
	case errors.Is(c.Err, registry.ErrKept):
		what = fmt.Sprintf("would stay at %s, which is newer", c.From)
	case diag.IsInvalid(c.Err) && c.From == "":
		what = "refused"
	case diag.IsInvalid(c.Err):
		what = fmt.Sprintf("refused; it is at %s", c.From)
	case c.Err != nil:
		what = "unknown, because it could not be read"
	case c.From == "":
		what = "new"
	case c.To == "":
		what = fmt.Sprintf("is at %s; the new digest is known after the build", c.From)
	case c.From == c.To:
		what = fmt.Sprintf("unchanged, at %s", c.From)
	}
	return fmt.Sprintf("tag %s: %s", c.Tag, what)
}
