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

// firstPart is how much of a large blob is asked for at first. Who needs only
// its beginning must not pay for what a registry would send until it learns
// that nobody listens: megabytes lie in the buffers between them.
const firstPart = 256 << 10

// openBlob gives a blob of more than firstPart bytes, unverified. A registry
// that knows no ranges (RFC 9110, section 14) gives the whole at once.
func (r *repository) openBlob(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	resp, err := r.part(ctx, desc, fmt.Sprintf("bytes=0-%d", firstPart-1))
	if err != nil || resp.StatusCode == http.StatusOK {
		return bodyOf(resp), err
	}
	if !startsAt(resp, 0) {
		drain(resp.Body)
		return nil, faultf(oci.ErrCorrupt, "is served from another byte than the first")
	}
	return &partsBody{ReadCloser: resp.Body, ctx: ctx, repo: r, desc: desc}, nil
}

func bodyOf(resp *http.Response) io.ReadCloser {
	if resp == nil {
		return nil
	}
	return resp.Body
}

// part asks for a range of a blob.
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

// partsBody is the first part of a blob, and the rest once that was read.
type partsBody struct {
	io.ReadCloser
	ctx  context.Context
	repo *repository
	desc v1.Descriptor
	read int64
	last bool
}

func (b *partsBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if b.last || !errors.Is(err, io.EOF) || b.read != firstPart || b.read >= b.desc.Size {
		return n, err // what ends early is for who verifies it to tell
	}
	resp, err := b.repo.part(b.ctx, b.desc, fmt.Sprintf("bytes=%d-", b.read))
	if err != nil {
		return n, err
	}
	if !startsAt(resp, b.read) {
		drain(resp.Body)
		return n, oci.Errorf(b.repo.ref, b.desc, oci.ErrCorrupt, "is served from another byte than %d", b.read)
	}
	_ = b.ReadCloser.Close() // it was read to its end
	b.ReadCloser, b.last = resp.Body, true
	return n, nil
}
