package oci

import (
	"errors"
	"fmt"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"

	"github.com/extpack/extpack/internal/diag"
)

// Causes of a [ContentError].
var (
	// ErrNotFound is returned for content that the source does not have. It is
	// oras-go's error, so that errors of all stores compare equal.
	ErrNotFound = errdef.ErrNotFound
	// ErrCorrupt is returned for content that differs from its descriptor, and
	// for invalid descriptors.
	ErrCorrupt = errors.New("content does not match its descriptor")
	// ErrTooLarge is returned for content beyond one of the limits.
	ErrTooLarge = errors.New("content exceeds a limit")
	// ErrMalformed is returned for content that is not a document of its media
	// type.
	ErrMalformed = errors.New("content is malformed")
)

// ContentError is returned for invalid content, wherever it is stored. It is
// also a [diag.InvalidError], because the input is at fault.
type ContentError struct {
	// Source is the name of the package that the content is part of. It is
	// optional.
	Source string
	// Descriptor is the requested content.
	Descriptor v1.Descriptor
	// Cause is ErrNotFound, ErrCorrupt, ErrTooLarge, ErrMalformed or a
	// [*LimitError].
	Cause error
	// Detail is the rest of a sentence that begins with the content: "has 3
	// bytes, not 4".
	Detail string

	// InTransit reports whether the content is a response of a registry that
	// differs from its digest. That is a failure and not invalid input, because
	// registries store content by digest.
	InTransit bool

	// Hint is the next step. It is optional.
	Hint string
}

// Namer is implemented by stores that know the user's name for their package.
// Errors about the content begin with that name.
type Namer interface {
	SourceName(desc v1.Descriptor) string
}

// Errorf returns a [*ContentError] about desc in src.
func Errorf(src any, desc v1.Descriptor, cause error, format string, args ...any) *ContentError {
	e := &ContentError{Descriptor: desc, Cause: cause, Detail: fmt.Sprintf(format, args...)}
	if n, ok := src.(Namer); ok {
		e.Source = n.SourceName(desc)
	}
	return e
}

// About returns err with what was done to which content, unless err names the
// content already: "GET ghcr.io/v2/acme/curl/blobs/sha256:…: 503" says it all.
func About(desc v1.Descriptor, err error, format string, args ...any) error {
	if err == nil || strings.Contains(err.Error(), desc.Digest.String()) {
		return err
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// Error returns "curl.cnb: manifest sha256:… has 3 bytes, not 4".
func (e *ContentError) Error() string {
	if e.Source == "" {
		return e.Clause()
	}
	return e.Source + ": " + e.Clause()
}

// Clause returns the error without the name of the source.
func (e *ContentError) Clause() string {
	return Noun(e.Descriptor.MediaType) + e.name() + " " + e.Detail
}

// name returns the digest, quoted if it is invalid, or "" if the content has
// none.
func (e *ContentError) name() string {
	switch d := e.Descriptor.Digest; {
	case d == "":
		return ""
	case d.Validate() != nil:
		return fmt.Sprintf(" %.100q", d.String())
	default:
		return " " + d.String()
	}
}

// Unwrap returns the cause, and the error as invalid input if it is.
func (e *ContentError) Unwrap() []error {
	if e.InTransit {
		return []error{e.Cause}
	}
	return []error{e.Cause, diag.WithHint(diag.Invalidf("%s", e.Error()), e.Hint)}
}

// limited returns a [*LimitError] as a [*ContentError].
func limited(src any, desc v1.Descriptor, err error) *ContentError {
	e := Errorf(src, desc, err, "%v", err)
	e.Hint = LimitHint
	return e
}

// AsContent returns the [*ContentError] in the chain of err, or err itself. A
// destination uses it to report content of the source in the same words as any
// other destination.
func AsContent(err error) error {
	var broken *ContentError
	if errors.As(err, &broken) {
		return broken
	}
	return err
}

// Wrap adds a prefix to err, except for a [*ContentError], which has the name
// of its source.
func Wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	var broken *ContentError
	if errors.As(err, &broken) {
		return broken
	}
	return fmt.Errorf("%s: %w", doing, err)
}
