package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// upload is a session to upload one blob (distribution-spec, "Pushing blobs").
type upload struct {
	repo     *repository
	desc     v1.Descriptor
	location *url.URL
}

// errNotMounted is returned if the registry begins an upload instead of
// mounting.
var errNotMounted = errors.New("not mounted")

// cancelTimeout limits the request to close an unused session.
const cancelTimeout = 5 * time.Second

// beginTimeout is how long an interrupted run waits for the answer to a request
// that begins a session, to cancel the session.
const beginTimeout = 2 * time.Second

// beginUpload opens a session.
func (r *repository) beginUpload(ctx context.Context, desc v1.Descriptor) (*upload, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	longer, stop := outlive(ctx, beginTimeout)
	defer stop()
	resp, err := r.post(longer, nil)
	if err != nil {
		return nil, err
	}
	defer drain(resp.Body)
	if !isSuccess(resp) {
		return nil, newResponseError(resp)
	}
	return r.begun(ctx, desc, resp)
}

// begun returns the upload that a response began, and cancels it after an
// interrupt.
func (r *repository) begun(ctx context.Context, desc v1.Descriptor, resp *http.Response) (*upload, error) {
	u := &upload{repo: r, desc: desc}
	if err := u.follow(resp); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		u.cancel(ctx)
		return nil, context.Cause(ctx)
	}
	return u, nil
}

// mount requests a blob of a repository of the registry. If the registry begins
// an upload instead, mount returns it with errNotMounted.
func (r *repository) mount(ctx context.Context, desc v1.Descriptor, from string) (*upload, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	longer, stop := outlive(r.alsoReading(ctx, from), beginTimeout)
	defer stop()
	resp, err := r.post(longer, url.Values{"mount": {desc.Digest.String()}, "from": {from}})
	if err != nil {
		return nil, err
	}
	defer drain(resp.Body)
	switch {
	case resp.StatusCode == http.StatusCreated && says(resp, desc.Digest):
		return nil, nil
	case resp.StatusCode == http.StatusCreated:
		return nil, errNotMounted
	case !isSuccess(resp):
		return nil, newResponseError(resp)
	}
	u, err := r.begun(ctx, desc, resp)
	if err != nil {
		return nil, err
	}
	return u, errNotMounted
}

// says reports whether a response is about a blob, by its digest or location.
func says(resp *http.Response, want digest.Digest) bool {
	if got := resp.Header.Get("Docker-Content-Digest"); got != "" {
		return got == want.String()
	}
	return strings.Contains(resp.Header.Get("Location"), want.Encoded())
}

func (r *repository) post(ctx context.Context, query url.Values) (*http.Response, error) {
	target := r.url("blobs/uploads/")
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), nil)
	if err != nil {
		return nil, err
	}
	return r.client.auth.Do(req)
}

func isSuccess(resp *http.Response) bool { return resp.StatusCode/100 == 2 }

// checkDigest returns an error for a response about other content. Registries
// may omit the digest.
func checkDigest(resp *http.Response, want digest.Digest) error {
	if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != want.String() {
		return fmt.Errorf("the registry stored %q instead of %s", cleanText(got), want)
	}
	return nil
}

// follow reads the next URL of the session. It may be on another host, for
// instance storage behind the registry, but never plain HTTP after HTTPS.
func (u *upload) follow(resp *http.Response) error {
	location := resp.Header.Get("Location")
	if location == "" {
		if u.location != nil {
			return nil
		}
		return aboutPage(resp, fmt.Errorf("the registry started an upload without a location (%d without Location)", resp.StatusCode))
	}
	base := resp.Request.URL // of the last redirect
	next, err := base.Parse(location)
	if err != nil {
		return fmt.Errorf("the registry continues the upload at %q: %w", cleanText(location), err)
	}
	own := u.repo.url("")
	if next.Scheme != "https" && (own.Scheme == "https" || base.Scheme == "https") {
		return fmt.Errorf("the registry continues the upload at %s://%s: %w", next.Scheme, next.Host, ErrPlainHTTP)
	}
	if sameOrigin(next, own) {
		next.Host = own.Host // keep the port as written, because credentials are stored for it
	}
	u.location = next
	return nil
}

// send sends a request to the session. Credentials are only sent to the
// registry, not to another host.
func (u *upload) send(ctx context.Context, method string, query url.Values, body io.Reader, size int64, header http.Header) (*http.Response, error) {
	target := *u.location
	if len(query) > 0 {
		values := target.Query()
		for name := range query {
			values.Set(name, query.Get(name))
		}
		target.RawQuery = values.Encode()
	}
	if body == nil || size == 0 {
		body = http.NoBody
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	if method != http.MethodGet && method != http.MethodDelete {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if sameOrigin(&target, u.repo.url("")) {
		return u.repo.client.auth.Do(req)
	}
	return u.repo.client.auth.send(req)
}

// put sends body, the rest of the blob, and completes the session.
func (u *upload) put(ctx context.Context, body io.Reader, size int64) error {
	resp, err := u.send(withWork(ctx, u.desc.Size), http.MethodPut, url.Values{"digest": {u.desc.Digest.String()}}, body, size, nil)
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	if !isSuccess(resp) {
		return newResponseError(resp)
	}
	return checkDigest(resp, u.desc.Digest)
}

// patch sends size bytes of the blob at offset, and returns the number of bytes
// that the registry has.
func (u *upload) patch(ctx context.Context, body io.Reader, offset, size int64) (int64, error) {
	resp, err := u.send(ctx, http.MethodPatch, nil, body, size, http.Header{
		"Content-Range": {fmt.Sprintf("%d-%d", offset, offset+size-1)},
	})
	if err != nil {
		return offset, err
	}
	defer drain(resp.Body)
	if !isSuccess(resp) {
		return offset, newResponseError(resp)
	}
	if err := u.follow(resp); err != nil {
		return offset, err
	}
	if has, ok := receivedBytes(resp); ok && has > offset {
		return has, nil // it may have accepted a part
	}
	return offset + size, nil
}

// offset returns how much of the blob the registry has.
func (u *upload) offset(ctx context.Context) (int64, error) {
	resp, err := u.send(ctx, http.MethodGet, nil, nil, 0, nil)
	if err != nil {
		return 0, err
	}
	defer drain(resp.Body)
	if !isSuccess(resp) {
		return 0, newResponseError(resp)
	}
	if err := u.follow(resp); err != nil {
		return 0, err
	}
	has, ok := receivedBytes(resp)
	if !ok {
		return 0, errors.New("the registry does not report how much of the upload it has")
	}
	return has, nil
}

// receivedBytes parses "Range: 0-<last byte>". distribution sends 0-0 for zero
// bytes and for one byte, which is less than any chunk.
func receivedBytes(resp *http.Response) (int64, bool) {
	_, last, ok := strings.Cut(strings.TrimPrefix(resp.Header.Get("Range"), "bytes="), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil || n < 0 {
		return 0, false
	}
	if n == 0 {
		return 0, true
	}
	return n + 1, true
}

// cancel closes an incomplete session, even after an interrupt. It is tried
// twice, because what failed may have closed the connection. Errors are ignored:
// open sessions expire, and some registries do not support canceling.
func (u *upload) cancel(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	if resp, err := u.send(withRetries(ctx, 1), http.MethodDelete, nil, nil, 0, nil); err == nil {
		drain(resp.Body)
	}
}
