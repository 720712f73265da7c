package registry

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/extpack/extpack/internal/oci"
)

// put writes a manifest by tag or digest, with the conditions in header. Any
// successful status is accepted, with the correct digest or none. The request
// is repeated if the registry has not yet processed the content that was just
// uploaded.
//
// confirmed reports whether the response had the digest.
func (r *repository) put(ctx context.Context, m oci.Document, target string, header http.Header) (confirmed bool, err error) {
	for n := 0; ; n++ {
		confirmed, err = r.putOnce(ctx, m, target, header)
		var refusal *ResponseError
		if n == maxRetries || !errors.As(err, &refusal) || !refusal.lacksContent() {
			return confirmed, err
		}
		if err := r.client.backoff.wait(ctx, n, refusal.after, "pushing manifest "+short(m.Descriptor.Digest), err); err != nil {
			return false, err
		}
	}
}

func (r *repository) putOnce(ctx context.Context, m oci.Document, target string, header http.Header) (confirmed bool, err error) {
	req, err := http.NewRequestWithContext(r.scoped(ctx), http.MethodPut, r.url("manifests/"+target).String(), bytes.NewReader(m.Raw))
	if err != nil {
		return false, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", m.Descriptor.MediaType)
	resp, err := r.client.auth.Do(req)
	if err != nil {
		return false, err
	}
	defer drain(resp.Body)
	if !isSuccess(resp) {
		return false, newResponseError(resp)
	}
	return resp.Header.Get("Docker-Content-Digest") != "", checkDigest(resp, m.Descriptor.Digest)
}
