package registry

import (
	"errors"
	"fmt"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// fault is invalid content of a registry. In a source it is invalid input, in a
// destination it is a failure.
type fault struct {
	cause  error
	detail string
}

func faultf(cause error, format string, args ...any) error {
	return &fault{cause, fmt.Sprintf(format, args...)}
}

func (f *fault) Error() string { return "it " + f.detail }
func (f *fault) Unwrap() error { return f.cause }

// asInput converts a fault of the source ref to an error about its content
// desc.
func asInput(ref Reference, desc v1.Descriptor, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	content := oci.Errorf(ref, desc, f.cause, "%s", f.detail)
	content.InTransit = errors.Is(f.cause, oci.ErrCorrupt)
	return content
}

// asDamage marks an error about content that differs from its descriptor as
// damage of the response.
func asDamage(err error) error {
	var content *oci.ContentError
	if errors.As(err, &content) && errors.Is(content.Cause, oci.ErrCorrupt) {
		content.InTransit = true
	}
	return err
}

// damageReader is a body that reports damaged content as damage of the
// response.
type damageReader struct{ io.ReadCloser }

func (r damageReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = asDamage(err)
	}
	return n, err
}

// SourceName implements [oci.Namer].
func (r Reference) SourceName(v1.Descriptor) string { return r.String() }

// SourceName implements [oci.Namer].
func (s *Source) SourceName(v1.Descriptor) string { return s.repo.ref.String() }

// isUnusable reports whether err is about invalid content, rather than a
// failure to read it.
func isUnusable(err error) bool {
	return errors.Is(err, oci.ErrCorrupt) || errors.Is(err, oci.ErrTooLarge) || errors.Is(err, oci.ErrMalformed)
}
