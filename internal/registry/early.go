package registry

import (
	"context"
	"errors"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// earlyFor is how long the answer of an early look is used. It is short compared
// with the time after which callers that merge look again, see package index.
const earlyFor = 250 * time.Millisecond

// earlyLook is the look at a tag before its write, while the manifests below it
// are written. One after the other would take a round trip more.
type earlyLook struct {
	ref  Reference
	done chan struct{}

	before   v1.Descriptor
	etag     string
	err      error
	answered time.Time
}

// lookEarly begins to look at a tag.
func (r *repository) lookEarly(ctx context.Context, ref Reference, o publishOptions) *earlyLook {
	e := &earlyLook{ref: ref, done: make(chan struct{})}
	look := r.look
	if o.isConditional(ref) {
		look = r.lookSurely
	}
	go func() {
		defer close(e.done)
		e.before, e.etag, e.err = look(withRetries(ctx, 0), ref.Tag())
		e.answered = time.Now()
	}()
	return e
}

// wait waits until the look has ended.
func (e *earlyLook) wait() {
	if e != nil {
		<-e.done
	}
}

// take reports whether the look has an answer about a tag that can be used, and
// invalidates it.
func (e *earlyLook) take(ref Reference) bool {
	if e == nil || e.ref != ref {
		return false
	}
	<-e.done
	ok := (e.err == nil || errors.Is(e.err, oci.ErrNotFound)) && time.Since(e.answered) < earlyFor
	e.ref = Reference{}
	return ok
}
