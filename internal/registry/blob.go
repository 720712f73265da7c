package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
)

// copyBlob makes a blob available in r: it may be there, be mounted from
// another repository of the registry (from, which may be empty), or be uploaded.
//
// A lost upload begins anew, as the registry's session cannot be trusted to be
// where we think it is; and as the answer alone may have been lost, the
// registry is asked again first.
//
// added tells that the repository did not have it.
func (r *repository) copyBlob(ctx context.Context, src content.Fetcher, desc v1.Descriptor, from string) (added bool, err error) {
	renewed := false
	for n := 0; ; n++ {
		ok, err := r.has(ctx, "blobs", desc)
		if err != nil {
			return false, fmt.Errorf("looking for blob %s: %w", desc.Digest, err)
		}
		if ok {
			state := Exists
			if n > 0 {
				state = Done
			}
			r.report(desc, state, 0)
			return n > 0, nil
		}
		state, err := r.addBlob(ctx, src, desc, from)
		if err == nil {
			r.report(desc, state, 0)
			return true, nil
		}
		var refusal *ResponseError
		if !renewed && errors.As(err, &refusal) && refusal.StatusCode == http.StatusUnauthorized {
			// The token ran out between the two halves of the upload; asking
			// for the blob again gets a new one.
			renewed = true
			continue
		}
		var cut *interruptedError
		if n == maxRetries || !errors.As(err, &cut) {
			return false, fmt.Errorf("copying blob %s: %w", desc.Digest, err)
		}
		if err := r.client.backoff.wait(ctx, n, cut.after, "copying blob "+desc.Digest.String(), cut); err != nil {
			return false, err
		}
	}
}

// addBlob mounts or uploads a blob.
func (r *repository) addBlob(ctx context.Context, src content.Fetcher, desc v1.Descriptor, from string) (State, error) {
	if from != "" {
		uploaded := false
		// The registry answers 202 when it does not mount, having begun an
		// upload instead (distribution-spec, "Mounting a blob from another
		// repository").
		err := fromORAS(r.remote.Mount(ctx, desc, from, func() (io.ReadCloser, error) {
			uploaded = true
			return r.open(ctx, src, desc)
		}))
		switch {
		case err == nil && uploaded:
			return Done, nil
		case err == nil:
			return Mounted, nil
		case uploaded || !isRefusal(err):
			return Done, err
		}
		// Others refuse, for want of access to the other repository or because
		// they know no mounting; an upload may still work.
	}
	rc, err := r.open(ctx, src, desc)
	if err != nil {
		return Done, err
	}
	defer rc.Close()
	return Done, fromORAS(r.remote.Blobs().Push(ctx, desc, rc))
}

// isRefusal reports an answer in the 4xx range.
func isRefusal(err error) bool {
	var resp *ResponseError
	return errors.As(err, &resp) && resp.StatusCode >= http.StatusBadRequest && resp.StatusCode < http.StatusInternalServerError
}

// open gives a blob's content as a request body that cannot be complete and
// wrong.
func (r *repository) open(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (io.ReadCloser, error) {
	body, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return nil, err
	}
	body.OnRead = func(n int64) { r.report(desc, Uploading, n) }
	return body, nil
}
