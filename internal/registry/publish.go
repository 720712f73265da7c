package registry

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Publish copies root, a manifest or an index, and everything below it from
// src, and then writes every tag in refs. References are from [ParseTag] and
// may be in several repositories and registries.
//
// No tag is written before everything below root exists in every repository:
// first blobs, then manifests by digest, each after those it refers to. The
// tags are written in the given order, and each is read back. An interrupt
// after the first tag leaves a few seconds for the others. Existing content is
// not sent again, and a tag that already points at root is not written.
//
// It returns a [*diag.InvalidError] for references that cannot be published to,
// [oci.ErrNotFound] if src lacks content (before anything is uploaded),
// [oci.ErrCorrupt] if content differs from its descriptor, [ErrUnauthorized],
// [ErrRetryLater], or, after the first tag, a [*TagError] with the tags that
// moved. The published tags are returned too. [Expect] adds the condition that
// a tag has not moved.
func (c *Client) Publish(ctx context.Context, src content.ReadOnlyStorage, root v1.Descriptor, refs []Reference, opts ...PublishOption) ([]Published, error) {
	o := newPublishOptions(opts)
	repos, refs, err := c.destinations(refs)
	if err != nil {
		return nil, err
	}
	ahead := &mountsAhead{client: c, ref: repos[0].ref}
	defer ahead.close(ctx)
	looked := src
	if _, ok := src.(Locator); ok && len(repos) == 1 {
		looked = mountingSource{src, ahead}
	}
	g, err := oci.ReadGraph(ctx, looked, root)
	if err != nil {
		return nil, &cleanError{err}
	}
	if len(g.Levels) == 0 {
		return nil, oci.Errorf(src, root, oci.ErrMalformed, "is neither a manifest nor an index")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		o.early.wait()
	}()
	for i := range repos {
		ref := repos[i].ref
		r, err := c.repository(ctx, ref, auth.ActionPull, auth.ActionPush)
		if err == nil {
			repos[i].repository = r
			r.ahead = ahead
			lastManifests := func() {
				if len(repos) == 1 {
					o.early = r.lookEarly(ctx, refs[0], o)
				}
			}
			err = r.copyContent(ctx, src, g, mountFrom(repos[:i], src, ref), lastManifests)
		}
		if err != nil {
			return nil, c.explain(ref, fmt.Errorf("publishing to %s: %w", ref.RepositoryName(), err))
		}
	}
	byName := map[string]*repository{}
	for _, d := range repos {
		byName[d.ref.RepositoryName()] = d.repository
	}
	return c.tagAll(ctx, byName, g.Levels[len(g.Levels)-1][0], refs, o)
}

// destination is a repository to publish to.
type destination struct {
	ref Reference // one of the references into it
	*repository
}

// destinations returns the repositories of the references, and the references,
// without duplicates, in order of first use.
func (c *Client) destinations(refs []Reference) ([]destination, []Reference, error) {
	var (
		repos []destination
		once  []Reference
		seen  = map[string]bool{}
	)
	for _, ref := range refs {
		if ref.Tag() == "" || ref.Digest() != "" {
			return nil, nil, diag.WithHint(diag.Invalidf("%q is not a tag that can be published", ref), referenceHint)
		}
		if name := ref.RepositoryName(); !seen[name] {
			seen[name] = true
			repos = append(repos, destination{ref: ref})
		}
		if name := ref.String(); !seen[name] {
			seen[name] = true
			once = append(once, ref)
		}
	}
	if len(once) == 0 {
		return nil, nil, diag.WithHint(diag.Invalidf("no reference to publish"), referenceHint)
	}
	return repos, once, nil
}

// mountFrom returns the repository of the registry of ref that a blob can be
// mounted from, or "": an earlier destination, which has every blob, or the
// repository that src read it from.
func mountFrom(earlier []destination, src content.ReadOnlyStorage, ref Reference) func(v1.Descriptor) string {
	for _, d := range earlier {
		if d.ref.Host() == ref.Host() {
			return func(v1.Descriptor) string { return d.remote.Repository }
		}
	}
	locator, ok := src.(Locator)
	if !ok {
		return func(v1.Descriptor) string { return "" }
	}
	return func(blob v1.Descriptor) string {
		from, ok := locator.Locate(blob)
		if !ok || from.Host() != ref.Host() || from.RepositoryName() == ref.RepositoryName() {
			return ""
		}
		return from.remote().Repository
	}
}

// copyContent copies g to r except for the root, which is written by tag: some
// registries reject the same manifest twice, and others reject manifests by
// digest. lastManifests is called before the manifests that the root refers to
// are written.
func (r *repository) copyContent(ctx context.Context, src content.Fetcher, g *oci.Graph, from func(v1.Descriptor) string, lastManifests func()) error {
	var fresh sync.Map // digests that the repository did not have
	err := each(ctx, r.client.small, g.Blobs, func(ctx context.Context, blob v1.Descriptor) error {
		added, err := r.copyBlob(ctx, src, blob, from(blob))
		if added {
			fresh.Store(blob.Digest, true)
		}
		return err
	})
	if err != nil {
		return err
	}
	below := g.Levels[:len(g.Levels)-1] // without the root
	for i, level := range below {
		if i == len(below)-1 {
			lastManifests()
		}
		err := each(ctx, r.client.small, level, func(ctx context.Context, m oci.Document) error {
			return r.copyManifest(ctx, m, &fresh)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyManifest writes a manifest to the repository unless it exists. If it
// refers to new content, it cannot exist, and no check is necessary.
func (r *repository) copyManifest(ctx context.Context, m oci.Document, fresh *sync.Map) error {
	isNew := slices.ContainsFunc(m.Refs, func(d digest.Digest) bool { _, ok := fresh.Load(d); return ok })
	if !isNew && !r.ahead.isAbsent(m.Descriptor) {
		ok, err := r.holds(withRetries(ctx, 1), "manifests", m.Descriptor)
		if err != nil {
			return oci.About(m.Descriptor, err, "looking for manifest %s", m.Descriptor.Digest)
		}
		if ok {
			r.report(m.Descriptor, Exists, 0)
			return nil
		}
	}
	if _, err := r.put(ctx, m, m.Descriptor.Digest.String(), nil); err != nil {
		return &contentError{kind: "manifest", desc: m.Descriptor, err: err}
	}
	fresh.Store(m.Descriptor.Digest, true)
	r.knows(m.Descriptor, m.Raw)
	r.report(m.Descriptor, Done, 0)
	return nil
}

// each calls f for all items, at most limit concurrently, until one fails.
func each[T any](ctx context.Context, limit int, items []T, f func(context.Context, T) error) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for _, item := range items {
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() error { return f(groupCtx, item) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}
