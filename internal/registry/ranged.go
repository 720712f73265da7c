package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// firstPart is the size of the first request for a large blob. If the caller
// only needs the beginning, the registry must not send megabytes before it
// notices that the connection was closed.
const firstPart = 256 << 10

// openBlob returns a blob of more than firstPart bytes, unverified. A registry
// without support for ranges (RFC 9110, section 14) sends the whole blob. A
// lost connection is resumed at the same byte.
func (r *repository) openBlob(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	resp, err := r.part(ctx, desc, fmt.Sprintf("bytes=0-%d", firstPart-1))
	if err != nil {
		return nil, err
	}
	b := &partsBody{body: resp.Body, ctx: ctx, repo: r, desc: desc, end: firstPart}
	switch {
	case resp.StatusCode == http.StatusOK:
		b.end = desc.Size
	case !startsAt(resp, 0):
		drain(resp.Body)
		return nil, faultf(oci.ErrCorrupt, "was sent from an offset other than 0")
	}
	return b, nil
}

// part requests a range of a blob.
func (r *repository) part(ctx context.Context, desc v1.Descriptor, bytes string) (*http.Response, error) {
	resp, err := r.doWith(ctx, http.MethodGet, "blobs", desc.Digest.String(), http.Header{"Range": {bytes}})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		defer drain(resp.Body)
		return nil, newResponseError(resp)
	}
	return resp, nil
}

func startsAt(resp *http.Response, offset int64) bool {
	var start int64
	_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &start)
	return resp.StatusCode == http.StatusPartialContent && err == nil && start == offset
}

// partsBody is a blob that is read over several connections.
type partsBody struct {
	body io.ReadCloser
	ctx  context.Context
	repo *repository
	desc v1.Descriptor
	read int64 // so far
	end  int64 // of the part in body
	// tries counts lost connections since the last byte.
	tries int
}

func (b *partsBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.read += int64(n)
	if n > 0 {
		b.tries = 0
	}
	switch {
	case err == nil, b.read >= b.desc.Size:
		return n, err
	case errors.Is(err, io.EOF) && b.read == b.end:
	case errors.Is(err, io.EOF):
		return n, err // the verifying reader detects an early end
	case !isDropped(err) || b.tries == maxRetries || b.ctx.Err() != nil:
		return n, err
	default:
		if waitErr := b.repo.client.backoff.wait(b.ctx, b.tries, 0, "reading "+short(b.desc.Digest), err); waitErr != nil {
			return n, waitErr
		}
		b.tries++
	}
	return n, b.reopen()
}

// reopen requests the rest. It skips the beginning if the registry does not
// support ranges.
func (b *partsBody) reopen() error {
	_ = b.body.Close() // it was read completely, or is lost
	resp, err := b.repo.part(b.ctx, b.desc, fmt.Sprintf("bytes=%d-", b.read))
	if err != nil {
		return err
	}
	b.body, b.end = resp.Body, b.desc.Size
	if startsAt(resp, b.read) {
		return nil
	}
	if resp.StatusCode == http.StatusPartialContent {
		return oci.Errorf(b.repo.ref, b.desc, oci.ErrCorrupt, "was sent from an offset other than %d", b.read)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, b.read); err != nil {
		return oci.About(b.desc, fmt.Errorf("reading it again: %w", err), "%s", b.desc.Digest)
	}
	return nil
}

func (b *partsBody) Close() error { return b.body.Close() }
