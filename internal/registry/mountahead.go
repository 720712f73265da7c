package registry

import (
	"context"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/oci"
)

// mountingSource is a source whose blobs in other repositories of the registry
// are mounted while they are looked for. One after the other would take a round
// trip more.
type mountingSource struct {
	content.ReadOnlyStorage
	ahead *mountsAhead
}

// Exists reports whether the source has content, and waits for the mount too.
func (s mountingSource) Exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	from := mountFrom(nil, s.ReadOnlyStorage, s.ahead.ref)(desc)
	if from == "" || oci.IsDocument(desc.MediaType) {
		return s.ReadOnlyStorage.Exists(ctx, desc)
	}
	var tried sync.WaitGroup
	tried.Go(func() { s.ahead.try(ctx, desc, from) })
	defer tried.Wait()
	return s.ReadOnlyStorage.Exists(ctx, desc)
}

// Fetch opens content. It begins to look for a manifest where it goes: mounts do
// not say whether it can be there.
func (s mountingSource) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	if oci.IsManifest(desc.MediaType) && mountFrom(nil, s.ReadOnlyStorage, s.ahead.ref)(desc) != "" {
		s.ahead.look(ctx, desc)
	}
	return s.ReadOnlyStorage.Fetch(ctx, desc)
}

// SourceName implements [oci.Namer].
func (s mountingSource) SourceName(desc v1.Descriptor) string {
	if n, ok := s.ReadOnlyStorage.(oci.Namer); ok {
		return n.SourceName(desc)
	}
	return ""
}

// mountsAhead are mounts that were tried before the copy of the content began.
type mountsAhead struct {
	client *Client
	ref    Reference

	looks  sync.WaitGroup
	mu     sync.Mutex
	tried  map[digest.Digest]triedMount
	absent map[digest.Digest]bool // manifests; false until that is known
}

type triedMount struct {
	session *upload
	err     error
}

// try mounts a blob, and keeps the result for take.
func (a *mountsAhead) try(ctx context.Context, desc v1.Descriptor, from string) {
	r, err := a.client.repository(ctx, a.ref, auth.ActionPull, auth.ActionPush)
	if err != nil {
		return // publishing reports it
	}
	var t triedMount
	t.session, t.err = r.mount(withRetries(ctx, 0), desc, from)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tried == nil {
		a.tried = map[digest.Digest]triedMount{}
	}
	a.tried[desc.Digest] = t
}

// take returns the result of a mount that was tried.
func (a *mountsAhead) take(desc v1.Descriptor) (t triedMount, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok = a.tried[desc.Digest]
	delete(a.tried, desc.Digest)
	return t, ok
}

// look begins to look for a manifest.
func (a *mountsAhead) look(ctx context.Context, desc v1.Descriptor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, begun := a.absent[desc.Digest]; begun {
		return
	}
	if a.absent == nil {
		a.absent = map[digest.Digest]bool{}
	}
	a.absent[desc.Digest] = false
	a.looks.Go(func() {
		r, err := a.client.repository(ctx, a.ref, auth.ActionPull, auth.ActionPush)
		if err != nil {
			return
		}
		// What cannot be determined is asked again.
		if ok, err := r.has(withRetries(ctx, 0), "manifests", desc); err == nil && !ok {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.absent[desc.Digest] = true
		}
	})
}

// isAbsent reports whether a look did not find a manifest. It waits for looks
// that have begun.
func (a *mountsAhead) isAbsent(desc v1.Descriptor) bool {
	a.looks.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.absent[desc.Digest]
}

// close cancels the sessions that were not used.
func (a *mountsAhead) close(ctx context.Context) {
	a.looks.Wait()
	for _, t := range a.tried {
		if t.session != nil {
			t.session.cancel(ctx)
		}
	}
}
