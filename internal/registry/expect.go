package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/oci"
)

// PublishOption changes how [Client.Publish] works.
type PublishOption func(*publishOptions)

type publishOptions struct {
	expected map[string]digest.Digest
	guards   map[string]TagGuard
	early    *earlyLook
}

func newPublishOptions(opts []PublishOption) publishOptions {
	o := publishOptions{expected: map[string]digest.Digest{}, guards: map[string]TagGuard{}}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// isConditional reports whether the write of a tag depends on what it points at.
func (o publishOptions) isConditional(ref Reference) bool {
	_, expected := o.expected[ref.String()]
	return expected || o.guards[ref.String()] != nil
}

// Expect makes a publish fail with a [*MovedError] if the tag, right before it
// is written, does not point at the expected digest. "" means that the tag does
// not exist. A tag that already points at the new content is accepted.
//
// The write is conditional (If-Match) if the registry returns entity tags for
// manifests and supports the condition. The distribution specification requires
// neither, so other registries have a race between check and write. Callers
// check again afterwards; see package index.
func Expect(ref Reference, at digest.Digest) PublishOption {
	return func(o *publishOptions) { o.expected[ref.String()] = at }
}

// TagGuard decides whether a tag that is at the digest now, "" if it does not
// exist, or [Hidden], may be written. An error fails the publish; [ErrKept]
// leaves the tag as it is.
type TagGuard func(ctx context.Context, now digest.Digest) error

// ErrKept is returned by a [TagGuard] for a tag that should not be written.
var ErrKept = errors.New("the tag does not move")

// Guard makes a publish call guard right before it writes the tag. The write is
// conditional as with [Expect]. The guard is not called for a tag that points
// at the new content already.
func Guard(ref Reference, guard TagGuard) PublishOption {
	return func(o *publishOptions) { o.guards[ref.String()] = guard }
}

// Hidden replaces the digest of a tag that cannot be read, because some
// credentials are write-only. For [Expect], a tag that can be read has moved.
const Hidden digest.Digest = "hidden"

// MovedError is returned if a tag is not written because it moved since it was
// read. It is an [ErrTagMoved].
type MovedError struct {
	Reference Reference
	// Expected is the previous digest of the tag, Actual the current one. ""
	// means that the tag does not exist.
	Expected, Actual digest.Digest
}

func (e *MovedError) Error() string {
	switch {
	case e.Expected == Hidden:
		return fmt.Sprintf("it moved since it was read: it could not be read before, and now it is at %s", e.Actual)
	case e.Expected == "":
		return fmt.Sprintf("it moved since it was read: it did not exist, now it is at %s", e.Actual)
	case e.Actual == "":
		return fmt.Sprintf("it moved since it was read: it was at %s, now it does not exist", e.Expected)
	}
	return fmt.Sprintf("it moved since it was read: it was at %s, now it is at %s", e.Expected, e.Actual)
}

// Unwrap returns [ErrTagMoved].
func (e *MovedError) Unwrap() error { return ErrTagMoved }

// checkExpected compares the digest of a tag with the expected one. err is the
// error of resolving the tag. If it cannot be resolved, the tag is not written.
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

// check calls the guard with what a tag points at, where looked is the error of
// reading it. A guard is not asked about a tag that could not be read.
func (g TagGuard) check(ctx context.Context, now digest.Digest, looked error) error {
	var refusal *ResponseError
	switch {
	case looked == nil, errors.Is(looked, oci.ErrNotFound):
		return g(ctx, now)
	case IsHidden(looked):
		return g(ctx, Hidden)
	case errors.As(looked, &refusal) && (refusal.StatusCode >= http.StatusInternalServerError || isTemporary(refusal.StatusCode) || refusal.rateLimited()):
		return looked // the registry does not refuse, it fails
	}
	return nil
}
