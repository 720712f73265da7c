package index

import (
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
	"github.com/extpack/extpack/internal/source"
)

// attempt reads, changes and writes once.
func (e *editor) attempt(ctx context.Context) (r *Result, wrote bool, err error) {
	s := NewStaging()
	defer s.Close()
	x, src, before, err := e.now(ctx, s)
	if err != nil {
		return nil, false, err
	}
	x, r, err = e.apply(ctx, s, x, src)
	if err != nil {
		return r, false, err
	}
	tags, guards, err := e.permitted(ctx, s, r, before)
	if err != nil || e.DryRun {
		return r, false, err
	}
	if e.back {
		r.Files = []string{e.Source}
		if r.Unchanged = r.Root.Digest == rootOf(src); r.Unchanged {
			return r, false, nil
		}
		return r, false, r.rewrite(ctx, e.Options, s, x, e.Source, src)
	}
	if err := r.writeFiles(ctx, e.Request, s, x); err != nil || len(tags) == 0 {
		return r, false, err
	}
	r.Unchanged = !slices.ContainsFunc(tags, func(tag registry.Reference) bool { return before[tag] != r.Root.Digest })
	if r.Unchanged {
		for _, tag := range tags {
			r.Published = append(r.Published, registry.Published{Reference: tag, Descriptor: r.Root})
		}
		return r, false, nil
	}
	err = e.publish(ctx, r, s, tags, before, guards)
	wrote = err == nil && len(r.Published) > 0
	if wrote {
		e.before = before
	}
	return r, wrote, err
}

// apply makes the change and stores its result.
func (e *editor) apply(ctx context.Context, s *Staging, x *Index, src *source.Source) (*Index, *Result, error) {
	inFile := e.inFile(ctx, src)
	if x != nil {
		x.inFile = inFile
	}
	x, err := e.Change(ctx, s, x)
	if err != nil {
		return nil, nil, err
	}
	x.inFile = inFile
	r, err := finish(ctx, e.Options, s, x)
	if err != nil {
		return x, r, err
	}
	if len(r.dropped) > 0 && !e.told {
		e.told = true // the change may be repeated
		e.warnf("%s", LeftOut(r.dropped))
	}
	if src != nil && !oci.IsIndex(src.Root.MediaType) {
		err = r.unwrap(ctx, s, x)
	}
	return x, r, err
}

// permitted returns the tags to write, and a guard for each. It leaves out those
// that stay as they are. It adds what happens to each tag to r.
func (e *editor) permitted(ctx context.Context, s *Staging, r *Result, before map[registry.Reference]digest.Digest) ([]registry.Reference, []registry.PublishOption, error) {
	next := &release.Content{Root: r.Root}
	if e.Release != nil && len(e.Tags) > 0 {
		var err error
		if next, err = release.Read(ctx, s, r.Root); err != nil {
			return nil, nil, err
		}
	}
	var tags []registry.Reference
	var guards []registry.PublishOption
	var refused []error
	for _, tag := range release.Order(e.Tags, next.Info.Version) {
		change := release.Change{Tag: tag, From: before[tag], To: r.Root.Digest}
		if err := e.unseen[tag]; err != nil {
			change.Err = err
		} else {
			change.Err = e.Release.Check(ctx, tag, change.From, next)
		}
		if change.From == registry.Hidden {
			change.From = ""
		}
		r.Changes = append(r.Changes, change)
		switch {
		case errors.Is(change.Err, registry.ErrKept):
			continue
		case change.Err != nil && e.unseen[tag] == nil:
			refused = append(refused, change.Err)
		}
		tags = append(tags, tag)
		if release.Guards(tag, next.Info.Version) && e.Release != nil {
			guards = append(guards, e.Release.Option(tag, next))
		}
	}
	if len(refused) > 0 {
		return nil, nil, errors.Join(refused...)
	}
	if len(e.Tags) > 0 && len(tags) == 0 && len(e.Files)+len(e.Dirs) == 0 {
		return nil, nil, release.ErrNothing
	}
	return tags, guards, nil
}

// unwrap returns the single image of x as the result.
func (r *Result) unwrap(ctx context.Context, s *Staging, x *Index) error {
	desc := x.Images()[0].Descriptor()
	r.Root = v1.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
	var err error
	r.Raw, err = oci.ReadBytes(ctx, s, r.Root, oci.MaxManifestSize)
	return err
}

// finish converts the media types of an index and stores it.
func finish(ctx context.Context, opts Options, s *Staging, x *Index) (*Result, error) {
	if err := x.Convert(ctx, s, opts.Types); err != nil {
		return nil, err
	}
	if len(x.Entries()) == 0 {
		return nil, diag.Invalidf("the index would be empty")
	}
	doc, err := x.asDocument()
	if err != nil {
		return nil, err
	}
	raw, err := doc.Bytes()
	if err != nil {
		return nil, err
	}
	if n := len(raw); n > oci.MaxManifestSize {
		return nil, diag.Invalidf("the index would be %d bytes long; registries accept at most 4 MiB", n)
	}
	r := &Result{Raw: raw, Root: s.Put(doc.MediaType(), raw), dropped: doc.Dropped()}
	if opts.Check != nil {
		err = opts.Check(ctx, s, r.Root)
	}
	return r, err
}

// publish writes the tags, which must not have moved.
func (e *editor) publish(ctx context.Context, r *Result, s *Staging, tags []registry.Reference, before map[registry.Reference]digest.Digest, conditions []registry.PublishOption) error {
	if !e.Force {
		for tag, at := range before {
			conditions = append(conditions, registry.Expect(tag, at))
		}
	}
	var err error
	r.Published, err = e.Client.Publish(ctx, s, r.Root, tags, conditions...)
	return err
}
