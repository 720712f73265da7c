package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// TagError is returned for a publish that failed while its tags were written.
// All content has been uploaded.
type TagError struct {
	// Moved are the tags that point at the new content.
	Moved []Published
	// Failed is the tag that could not be written. If Uncertain is set, the
	// request was sent, and the tag may or may not point at the new content.
	Failed    Reference
	Uncertain bool
	// Untouched are the tags that were not written.
	Untouched []Reference
	Err       error
}

func (e *TagError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tagging %s: %s (", e.Failed, e.Err)
	var moved *MovedError
	switch {
	case errors.As(e.Err, &moved):
		b.WriteString("it was not moved")
	case e.Uncertain:
		fmt.Fprintf(&b, "%s may have been moved", e.Failed)
	default:
		fmt.Fprintf(&b, "%s was not moved", e.Failed)
	}
	if len(e.Moved) > 0 {
		b.WriteString("; already moved: ")
		for i, p := range e.Moved {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(p.String())
		}
	}
	if len(e.Untouched) > 0 {
		b.WriteString("; not moved: ")
		for i, ref := range e.Untouched {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(ref.String())
		}
	}
	return b.String() + ")"
}

func (e *TagError) Unwrap() error { return e.Err }

// tagAll writes the tags one after another, so that after a failure it is known
// which ones moved. After the first write, an interrupt takes effect only after
// a few seconds.
func (c *Client) tagAll(ctx context.Context, repos map[string]*repository, root oci.Document, refs []Reference, o publishOptions) ([]Published, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	ctx, stop := Finishing(ctx)
	defer stop()
	var moved []Published
	for i, ref := range refs {
		sent, err := repos[ref.RepositoryName()].tag(ctx, root, ref, o)
		if errors.Is(err, ErrKept) {
			continue
		}
		if err != nil {
			return moved, c.explain(ref, &TagError{
				Moved: moved, Failed: ref, Uncertain: sent, Untouched: refs[i+1:], Err: err,
			})
		}
		moved = append(moved, Published{Reference: ref, Descriptor: root.Descriptor})
	}
	return moved, nil
}

// tag writes a tag. On failure, sent reports whether it may have been written.
//
// The transport does not repeat the write: the tag is checked again after a
// pause, because another writer may have moved it.
func (r *repository) tag(ctx context.Context, root oci.Document, ref Reference, o publishOptions) (sent bool, err error) {
	var unconditional bool
	for n := 0; ; n++ {
		done, condition, err := r.lookBefore(ctx, root, ref, o)
		if err != nil || done {
			return sent, err
		}
		if unconditional {
			condition = nil
		}
		confirmed, err := r.put(withRetries(ctx, 0), root, ref.Tag(), condition)
		if err == nil {
			return r.written(ctx, root.Descriptor, ref, confirmed, o)
		}
		var refusal *ResponseError
		if errors.As(err, &refusal) && refusal.StatusCode == http.StatusPreconditionFailed && condition != nil {
			// Either another writer was faster, which the next check detects,
			// or the registry uses entity tags differently.
			unconditional = n > 0
			if n < maxRetries {
				continue
			}
		}
		sent = sent || !isRefusal(err)
		after, ok := r.client.mayRetry(r.host(), err)
		if !ok || n == maxRetries {
			return sent, err
		}
		if after > maxWait { // the caller names the tag
			return sent, retryLater(err, after)
		}
		if err := r.client.backoff.wait(ctx, n, after, "tagging "+ref.String(), err); err != nil {
			return sent, err
		}
	}
}

// written reads a tag back after it was written. Replicas may lag. If they lag
// for long, or if the tag cannot be read, a response with the correct digest
// suffices.
func (r *repository) written(ctx context.Context, desc v1.Descriptor, ref Reference, confirmed bool, o publishOptions) (sent bool, err error) {
	event := Event{Repository: ref.RepositoryName(), Tag: ref.Tag(), Descriptor: desc, State: Done}
	expected, conditional := o.expected[ref.String()]
	if conditional && confirmed {
		r.client.progress(event) // the caller looks itself
		return false, nil
	}
	err = r.readBack(ctx, ref.Tag(), desc.Digest, func(now digest.Digest) bool {
		return now == desc.Digest || conditional && now != expected // by another writer, whom the caller finds
	})
	switch {
	case err == nil:
	case confirmed, errors.Is(err, ErrUnauthorized): // who may only write
		r.client.backoff.logf("warning: %s was published, and could not be read back: %s", ref, cleanText(err.Error()))
	default:
		return true, fmt.Errorf("reading it back: %w", err)
	}
	r.client.progress(event)
	return false, nil
}

// readBack checks that a tag that was written points at want, or at something
// else that is accepted.
func (r *repository) readBack(ctx context.Context, tag string, want digest.Digest, accept func(digest.Digest) bool) error {
	for n := 0; ; n++ {
		now, _, err := r.look(ctx, tag)
		if errors.Is(err, oci.ErrNotFound) {
			now, _, err = r.lookSurely(ctx, tag)
		}
		if err == nil && accept(now.Digest) {
			return nil
		}
		if err == nil {
			err = &pointsElsewhereError{now: now.Digest, want: want}
		} else if !errors.Is(err, oci.ErrNotFound) {
			return err
		}
		if n == maxRetries {
			return err
		}
		if err := r.client.backoff.wait(ctx, n, 0, "reading "+tag+" back", err); err != nil {
			return err
		}
	}
}

// pointsElsewhereError is a tag that does not point at the written content.
type pointsElsewhereError struct{ now, want digest.Digest }

func (e *pointsElsewhereError) Error() string {
	return fmt.Sprintf("it points at %s, not at %s", e.now, e.want)
}

func (e *pointsElsewhereError) Unwrap() error { return ErrTagMoved }
