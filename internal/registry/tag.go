package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/oci"
)

// TagError is a publish that failed when its content was in place and its tags
// were being written.
type TagError struct {
	// Moved are the tags that point at the new content.
	Moved []Published
	// Failed is the tag that could not be written. With Uncertain the request
	// was on its way, and it may point at the new content or not.
	Failed    Reference
	Uncertain bool
	// Untouched are the tags that were not begun with.
	Untouched []Reference
	Err       error
}

func (e *TagError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tagging %s: %s (", e.Failed, e.Err)
	var moved *MovedError
	switch {
	case errors.As(e.Err, &moved):
		b.WriteString("it stays as it is")
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
			b.WriteString(p.Reference.String())
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

// tagAll moves the tags one after another, so that after a failure it is known
// which ones did.
func (c *Client) tagAll(ctx context.Context, repos map[string]*repository, root oci.Document, refs []Reference, o publishOptions) ([]Published, error) {
	var moved []Published
	for i, ref := range refs {
		sent, err := repos[ref.RepositoryName()].tag(ctx, root, ref, o)
		if err != nil {
			return moved, c.explain(ref, &TagError{
				Moved: moved, Failed: ref, Uncertain: sent, Untouched: refs[i+1:], Err: err,
			})
		}
		moved = append(moved, Published{Reference: ref, Descriptor: root.Descriptor})
	}
	return moved, nil
}

// tag lets a tag point at root. sent tells, on failure, whether the tag may
// have been written.
func (r *repository) tag(ctx context.Context, root oci.Document, ref Reference, o publishOptions) (sent bool, err error) {
	ctx = auth.AppendRepositoryScope(ctx, r.remote.Reference, auth.ActionPull, auth.ActionPush)
	event := Event{Repository: ref.RepositoryName(), Tag: ref.Tag(), Descriptor: root.Descriptor, State: Done}
	before, err := r.resolve(ctx, ref.Tag())
	switch {
	case err == nil && before.Digest == root.Descriptor.Digest:
		event.State = Exists
		r.client.progress(event)
		return false, nil
	case err != nil && !errors.Is(err, oci.ErrNotFound) && !isUnusable(err):
		return false, err
	}
	if err := o.check(ref, before.Digest, err); err != nil {
		return false, err
	}
	// There was no such tag, or it is moved, or it replaces nonsense.
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err := r.put(ctx, root, ref.Tag()); err != nil {
		return !isRefusal(err), err
	}
	if err := r.readBack(ctx, root.Descriptor, ref.Tag()); err != nil {
		return true, fmt.Errorf("reading it back: %w", err)
	}
	r.client.progress(event)
	return false, nil
}

// readBackTries allows for registries whose replicas take a moment to agree.
const readBackTries = 3

// readBack checks that a tag that was written points at desc.
func (r *repository) readBack(ctx context.Context, desc v1.Descriptor, tag string) error {
	for n := 0; ; n++ {
		now, err := r.resolve(ctx, tag)
		if err == nil && now.Digest == desc.Digest {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it is at %s, not at %s: %w", now.Digest, desc.Digest, ErrTagMoved)
		} else if !errors.Is(err, oci.ErrNotFound) {
			return err
		}
		if n == readBackTries-1 {
			return err
		}
		if err := r.client.backoff.wait(ctx, n, 0, "reading "+tag+" back", err); err != nil {
			return err
		}
	}
}
