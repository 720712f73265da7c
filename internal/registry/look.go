package registry

import (
	"context"
	"errors"
	"net/http"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// lookBefore reads a tag before it is written. It reports whether it already
// points at root, or returns the condition for the write.
func (r *repository) lookBefore(ctx context.Context, root oci.Document, ref Reference, o publishOptions) (done bool, condition http.Header, err error) {
	expected, conditional := o.expected[ref.String()]
	guard := o.guards[ref.String()]
	before, etag, err := r.lookOnce(ctx, ref, o)
	if err == nil && before.Digest == root.Descriptor.Digest {
		r.client.progress(Event{Repository: ref.RepositoryName(), Tag: ref.Tag(), Descriptor: root.Descriptor, State: Exists})
		return true, nil, nil
	}
	if guard != nil {
		if err := guard.check(ctx, before.Digest, err); err != nil {
			return false, nil, err
		}
	}
	switch {
	case conditional:
		if err := checkExpected(ref, expected, before.Digest, err); err != nil {
			return false, nil, err
		}
	case err != nil && !errors.Is(err, oci.ErrNotFound):
		return false, nil, unlessReplaceable(err)
	case guard == nil:
		return false, nil, nil
	}
	switch {
	case conditional && expected == "", !conditional && before.Digest == "":
		condition = http.Header{"If-None-Match": {"*"}}
	case etag != "":
		condition = http.Header{"If-Match": {etag}}
	}
	return false, condition, nil
}

// lookOnce returns what a tag points at: the answer of an early look if there is
// a recent one. A look on which nothing depends is repeated at most once.
func (r *repository) lookOnce(ctx context.Context, ref Reference, o publishOptions) (v1.Descriptor, string, error) {
	if o.early.take(ref) {
		return o.early.before, o.early.etag, o.early.err
	}
	if o.isConditional(ref) {
		return r.lookSurely(ctx, ref.Tag())
	}
	return r.look(withRetries(ctx, 1), ref.Tag())
}

// unlessReplaceable returns the error of reading a tag, or nil if a write may
// succeed nevertheless: the tag has invalid content, or cannot be read. Some
// registries return 403 for missing tags.
func unlessReplaceable(err error) error {
	var refusal *ResponseError
	if errors.As(err, &refusal) || isUnusable(err) {
		return nil
	}
	return err
}

// IsHidden reports whether a tag may exist although the registry does not show
// it, or shows something that cannot be used. It is then [Hidden]. Harbor, for
// instance, returns 412 for an image that a policy withholds.
func IsHidden(err error) bool {
	var refusal *ResponseError
	if !errors.As(err, &refusal) {
		return isUnusable(err)
	}
	return refusal.StatusCode < http.StatusInternalServerError && !isTemporary(refusal.StatusCode) &&
		!refusal.rateLimited() && !errors.Is(err, oci.ErrNotFound)
}
