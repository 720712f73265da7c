package registry

import (
	"context"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Missing begins to look for blobs in the repository of ref. The returned option
// is for a publish that follows at once, which does not look for them again.
// What cannot be determined is left to it.
func (c *Client) Missing(ctx context.Context, ref Reference, blobs []v1.Descriptor) PublishOption {
	found := make(chan map[digest.Digest]bool, 1)
	go func() { found <- c.findMissing(ctx, ref, blobs) }()
	wait := sync.OnceValue(func() map[digest.Digest]bool { return <-found })
	return func(o *publishOptions) { o.missing[ref.RepositoryName()] = wait }
}

func (c *Client) findMissing(ctx context.Context, ref Reference, blobs []v1.Descriptor) map[digest.Digest]bool {
	missing := map[digest.Digest]bool{}
	r, err := c.repository(ctx, ref, auth.ActionPull, auth.ActionPush)
	if err != nil {
		return nil
	}
	var lock sync.Mutex
	_ = each(ctx, c.small, blobs, func(ctx context.Context, desc v1.Descriptor) error {
		if ok, err := r.has(withRetries(ctx, 0), "blobs", desc); err == nil && !ok {
			lock.Lock()
			defer lock.Unlock()
			missing[desc.Digest] = true
		}
		return nil
	})
	return missing
}
