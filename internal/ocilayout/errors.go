package ocilayout

import (
	"errors"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"

	"github.com/extpack/extpack/internal/diag"
)

// Why content cannot be used; a [ContentError] wraps one of them.
var (
	// ErrMissing is content that its source does not have. It is oras-go's, so
	// that errors from other sources compare equal.
	ErrMissing = errdef.ErrNotFound
	// ErrCorrupt is content whose digest or size is not what its descriptor
	// says, or a descriptor that cannot be right.
	ErrCorrupt = errors.New("content does not match its descriptor")
	// ErrTooLarge is content beyond one of this package's limits.
	ErrTooLarge = errors.New("content exceeds a limit")
	// ErrMalformed is content that is not the document its media type says.
	ErrMalformed = errors.New("content is malformed")
)

// ContentError is content that cannot be used, whoever serves it; trouble with
// reading it at all is some other error. It is a [diag.InvalidError] too, since
// the input is at fault.
type ContentError struct {
	// Descriptor is the content as it was asked for.
	Descriptor v1.Descriptor
	// Cause is ErrMissing, ErrCorrupt, ErrTooLarge or ErrMalformed.
	Cause error
	// Detail is what is wrong, as the rest of a sentence that begins with the
	// content: "holds 3 bytes, not 4".
	Detail string
}

func contentErrorf(desc v1.Descriptor, cause error, format string, args ...any) *ContentError {
	return &ContentError{Descriptor: desc, Cause: cause, Detail: fmt.Sprintf(format, args...)}
}

// Error gives "manifest sha256:… holds 3 bytes, not 4".
func (e *ContentError) Error() string {
	return noun(e.Descriptor.MediaType) + " " + e.Descriptor.Digest.String() + " " + e.Detail
}

// Unwrap gives the cause, and the error as invalid input.
func (e *ContentError) Unwrap() []error {
	return []error{e.Cause, diag.Invalidf("", "%s", e.Error())}
}

// noun says in one word what a media type stands for.
func noun(mediaType string) string {
	switch {
	case IsIndex(mediaType):
		return "index"
	case IsManifest(mediaType):
		return "manifest"
	case IsConfig(mediaType):
		return "config"
	case IsLayer(mediaType):
		return "layer"
	}
	return "blob"
}
