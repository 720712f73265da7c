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
// repository of the registry (from, which may be empty), or be uploaded. It is
// uploaded if checking or mounting fails.
//
// added reports whether the repository did not have it.
func (r *repository) copyBlob(ctx context.Context, src content.Fetcher, desc v1.Descriptor, from string) (added bool, err error) {
	ok := false
	if !r.missing[desc.Digest] {
		if ok, err = r.holds(ctx, "blobs", desc); err != nil {
			return false, oci.About(desc, err, "looking for blob %s", desc.Digest)
		}
	}
	if ok {
		r.report(desc, Exists, 0)
		return false, nil
	}
	ctx = r.scoped(ctx)
	s := &sender{ctx: ctx, repo: r, src: src, desc: desc}
	if from != "" {
		session, err := r.mount(ctx, desc, from)
		switch {
		case err == nil:
			r.report(desc, Mounted, 0)
			r.knows(desc, nil)
			return true, nil
		case errors.Is(err, errNotMounted):
			s.session = session // which is cancelled after an interrupt
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		}
	}
	if desc.Size > smallBlob {
		select {
		case r.client.large <- struct{}{}:
			defer func() { <-r.client.large }()
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	if err := s.run(); err != nil {
		return false, &contentError{kind: "blob", desc: desc, err: err}
	}
	r.report(desc, Done, 0)
	r.knows(desc, nil)
	return true, nil
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
