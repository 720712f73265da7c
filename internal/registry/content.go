package registry

import (
	"errors"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// fault is content that a registry serves wrong. In a source it is invalid
// input, in a destination it is a failure.
type fault struct {
	cause  error
	detail string
}

func faultf(cause error, format string, args ...any) error {
	return &fault{cause, fmt.Sprintf(format, args...)}
}

func (f *fault) Error() string { return "it " + f.detail }
func (f *fault) Unwrap() error { return f.cause }

// asInput turns a fault of the source ref into an error about its content desc.
func asInput(ref Reference, desc v1.Descriptor, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	return oci.Errorf(ref, desc, f.cause, "%s", f.detail)
}

// SourceName implements [oci.Namer].
func (r Reference) SourceName(v1.Descriptor) string { return r.String() }

// SourceName implements [oci.Namer].
func (s *Source) SourceName(v1.Descriptor) string { return s.repo.ref.String() }

// isUnusable reports whether err is about content that cannot be used, rather
// than a failure to read it.
func isUnusable(err error) bool {
	return errors.Is(err, oci.ErrCorrupt) || errors.Is(err, oci.ErrTooLarge) || errors.Is(err, oci.ErrMalformed)
}
