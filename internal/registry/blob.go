package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
)

// smallBlob is the size up to which sending a blob takes less than the round
// trips around it.
const smallBlob = 1 << 20

// copyBlob makes a blob available in r: it may exist, be mounted from another
// repository of the registry (from, which may be empty), or be uploaded.
//
// added reports whether the repository certainly did not have it.
func (r *repository) copyBlob(ctx context.Context, src content.Fetcher, desc v1.Descriptor, from string) (added bool, err error) {
	if r.client.known.has(r.ref.RepositoryName(), desc) {
		r.report(desc, Exists, 0)
		return false, nil
	}
	tried, isTried := r.ahead.take(desc)
	if isTried && tried.err == nil {
		r.report(desc, Mounted, 0)
		r.knows(desc, nil)
		return false, nil // it may have been there before
	}
	if isTried && tried.session == nil {
		from = "" // the registry did not mount it
		r.noMounts.Store(true)
	}
	session, state, err := r.offer(ctx, desc, from, tried.session)
	if err != nil {
		return false, err
	}
	if state != Uploading {
		r.report(desc, state, 0)
		r.knows(desc, nil)
		return state == Mounted, nil
	}
	ctx = r.scoped(ctx)
	if desc.Size > smallBlob {
		select {
		case r.client.large <- struct{}{}:
			defer func() { <-r.client.large }()
		case <-ctx.Done():
			if session != nil {
				session.cancel(ctx)
			}
			return false, context.Cause(ctx)
		}
	}
	s := &sender{ctx: ctx, repo: r, src: src, desc: desc, session: session}
	if err := s.run(); err != nil {
		return false, &contentError{kind: "blob", desc: desc, err: err}
	}
	r.report(desc, Done, 0)
	r.knows(desc, nil)
	return true, nil
}

// offer asks the registry for a blob. It returns [Exists], [Mounted] or, if the
// blob has to be uploaded, [Uploading] and the session, which may be nil. begun
// is the session of an earlier mount.
func (r *repository) offer(ctx context.Context, desc v1.Descriptor, from string, begun *upload) (*upload, State, error) {
	// A mount is one request for what otherwise are two: the registry has the
	// blob or begins an upload. So a small blob that is probably new is mounted
	// from r itself. A large one is looked for instead: a registry that does not
	// support mounts would be sent it again.
	if from == "" && desc.Size <= smallBlob && !r.noMounts.Load() && !r.client.known.isListed(r.ref.RepositoryName(), desc.Digest) {
		session, err := r.mount(withRetries(ctx, 1), desc, r.remote.Repository)
		var answer *ResponseError
		switch {
		case err == nil:
			return nil, Exists, nil
		case errors.Is(err, errNotMounted):
			return session, Uploading, nil
		case ctx.Err() != nil:
			return nil, Uploading, context.Cause(ctx)
		case errors.As(err, &answer):
			r.noMounts.Store(true) // some registries fail instead of refusing
		}
	}
	ok, err := r.holds(withRetries(ctx, 1), "blobs", desc)
	if begun != nil && (ok || err != nil) {
		begun.cancel(ctx)
	}
	switch {
	case err != nil:
		return nil, Uploading, oci.About(desc, err, "looking for blob %s", desc.Digest)
	case ok:
		return nil, Exists, nil
	case from != "" && begun == nil:
		// Once: an upload may work if it fails.
		begun, err = r.mount(withRetries(ctx, 0), desc, from)
		switch {
		case err == nil:
			return nil, Mounted, nil
		case ctx.Err() != nil:
			return nil, Uploading, context.Cause(ctx)
		}
	}
	return begun, Uploading, nil
}

// contentError adds the content to the end of an error.
type contentError struct {
	kind string
	desc v1.Descriptor
	err  error
}

func (e *contentError) Error() string {
	text := e.err.Error()
	if strings.Contains(text, short(e.desc.Digest)) {
		return text // it names the content
	}
	return fmt.Sprintf("%s (%s %s)", text, e.kind, e.desc.Digest)
}
func (e *contentError) Unwrap() error { return e.err }

// short returns a prefix of a digest.
func short(d digest.Digest) string {
	const length = len("sha256:") + 12
	if s := d.String(); len(s) > length {
		return s[:length]
	}
	return d.String()
}

// isRefusal reports an answer in the 4xx range.
func isRefusal(err error) bool {
	var resp *ResponseError
	return errors.As(err, &resp) && resp.StatusCode >= http.StatusBadRequest && resp.StatusCode < http.StatusInternalServerError
}
