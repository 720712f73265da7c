package registry

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/oci"
)

// PublishOption changes how [Client.Publish] works.
type PublishOption func(*publishOptions)

type publishOptions struct{ expected map[string]digest.Digest }

func newPublishOptions(opts []PublishOption) publishOptions {
	o := publishOptions{expected: map[string]digest.Digest{}}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Expect lets a publish fail with a [*MovedError] unless, right before it is
// written, the tag points at what it pointed at when it was read; "" means that
// there was no such tag. A tag that points at the new content by then is fine.
//
// The write is conditional (If-Match) where the registry returns entity tags
// for manifests and honours the condition. The distribution specification asks
// for neither, so elsewhere a moment remains between look and write, and who
// writes looks again afterwards; see package edit.
func Expect(ref Reference, at digest.Digest) PublishOption {
	return func(o *publishOptions) { o.expected[ref.String()] = at }
}

// Hidden is expected of a tag that may not be looked at: some credentials are for
// writing only. A tag that can be looked at by then has moved.
const Hidden digest.Digest = "hidden"

// MovedError is a tag that is not written because it moved since it was read.
// It is an [ErrTagMoved].
type MovedError struct {
	Reference Reference
	// Expected is where the tag was, Actual where it is now; "" is nowhere.
	Expected, Actual digest.Digest
}

func (e *MovedError) Error() string {
	switch {
	case e.Expected == Hidden:
		return fmt.Sprintf("it moved since it was read: it could not be looked at, now it is at %s", e.Actual)
	case e.Expected == "":
		return fmt.Sprintf("it moved since it was read: it did not exist, now it is at %s", e.Actual)
	case e.Actual == "":
		return fmt.Sprintf("it moved since it was read: it was at %s, now it does not exist", e.Expected)
	}
	return fmt.Sprintf("it moved since it was read: it was at %s, now it is at %s", e.Expected, e.Actual)
}

// Unwrap gives [ErrTagMoved].
func (e *MovedError) Unwrap() error { return ErrTagMoved }

// checkExpected compares where a tag is with where it should be. err is what
// asking for it returned. When that cannot be found out the tag is not written.
func checkExpected(ref Reference, expected, now digest.Digest, err error) error {
	switch {
	case err == nil && now == expected || errors.Is(err, oci.ErrNotFound) && expected == "",
		IsForbidden(err) && expected == Hidden:
		return nil
	case err != nil && !errors.Is(err, oci.ErrNotFound):
		return err
	case err != nil:
		now = ""
	}
	return &MovedError{Reference: ref, Expected: expected, Actual: now}
}
