package registry

import (
	"context"
	"errors"
	"net/http"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/oci"
)

// HasBlob reports whether the repository of a reference has a blob. It tries
// once.
func (c *Client) HasBlob(ctx context.Context, ref Reference, desc v1.Descriptor) (bool, error) {
	r, err := c.repository(ctx, ref, auth.ActionPull)
	if err != nil {
		return false, err
	}
	return r.has(withRetries(ctx, 0), "blobs", desc)
}

// holds is like has, for a check before a write: it ignores denied access and
// registries that do not support the request.
func (r *repository) holds(ctx context.Context, kind string, desc v1.Descriptor) (bool, error) {
	ok, err := r.has(ctx, kind, desc)
	var refusal *ResponseError
	if errors.As(err, &refusal) || errors.Is(err, oci.ErrCorrupt) {
		return false, nil
	}
	return ok, err
}

// has reports whether content exists under its digest. After a response that
// contradicts the digest, the request is sent once more.
func (r *repository) has(ctx context.Context, kind string, desc v1.Descriptor) (ok bool, err error) {
	if r.client.known.has(r.ref.RepositoryName(), desc) {
		return true, nil
	}
	err = r.reread(ctx, "HEAD "+r.ref.RepositoryName(), func() error {
		ok, err = r.hasOnce(ctx, kind, desc)
		return err
	})
	if ok {
		r.knows(desc, nil)
	}
	return ok, err
}

func (r *repository) hasOnce(ctx context.Context, kind string, desc v1.Descriptor) (bool, error) {
	resp, err := r.do(ctx, http.MethodHead, kind, desc.Digest.String())
	if err != nil {
		return false, err
	}
	drain(resp.Body)
	switch resp.StatusCode {
	case http.StatusOK:
		if _, _, err := describe(resp, desc.Digest.String()); err != nil {
			return false, err
		}
		if n := resp.ContentLength; n > 0 && n != desc.Size {
			return false, faultf(oci.ErrCorrupt, "%s", oci.OtherSize(n, desc.Size))
		}
		return true, nil
	case http.StatusNotFound:
		return false, nil
	}
	return false, newResponseError(resp)
}
