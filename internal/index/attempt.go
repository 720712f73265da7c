package index

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
	before, err := e.tagsNow(ctx)
	if err != nil {
		return nil, false, err
	}
	o := NewStaging()
	defer o.Close()
	x, src, err := e.read(ctx, o)
	if err != nil {
		return nil, false, err
	}
	var at digest.Digest
	if src != nil {
		at = src.Root.Digest
	}
	for _, tag := range e.Tags {
		if e.isSource(tag) {
			before[tag] = at // "" if it does not exist
		}
	}
	if e.isReplaced(before) {
		return nil, false, errLag
	}
	inFile := e.inFile(ctx, src)
	if x != nil {
		x.inFile = inFile
	}
	if x, err = e.Change(ctx, o, x); err != nil {
		return nil, false, err
	}
	x.inFile = inFile
	r, err = finish(ctx, e.Options, o, x)
	if err == nil && len(r.dropped) > 0 && !e.told {
		e.told = true // the change may be repeated
		e.warnf("%s", LeftOut(r.dropped))
	}
	if err == nil && src != nil && !oci.IsIndex(src.Root.MediaType) {
		err = r.unwrap(ctx, o, x)
	}
	if err != nil {
		return r, false, err
	}
	tags, guards, err := e.permitted(ctx, o, r, before)
	if err != nil || e.DryRun {
		return r, false, err
	}
	if e.back {
		if r.Unchanged = at == r.Root.Digest; r.Unchanged {
			return r, false, nil
		}
		return r, false, r.rewrite(ctx, e.Options, o, x, e.Source, src)
	}
	if err := r.writeFiles(ctx, e.Request, o, x); err != nil || len(tags) == 0 {
		return r, false, err
	}
	r.Unchanged = true
	for _, tag := range tags {
		r.Unchanged = r.Unchanged && before[tag] == r.Root.Digest
	}
	if r.Unchanged {
		for _, tag := range tags {
			r.Published = append(r.Published, registry.Published{Reference: tag, Descriptor: r.Root})
		}
		return r, false, nil
	}
	err = e.publish(ctx, r, o, tags, before, append(guards, e.lookAhead(ctx, o, x)...))
	wrote = err == nil && len(r.Published) > 0
	if wrote {
		e.before = before
	}
	return r, wrote, err
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

// tagsNow resolves the tags before anything is read, except for the source,
// which is read itself. Tags that will be replaced as a whole may be unreadable.
func (e *editor) tagsNow(ctx context.Context) (map[registry.Reference]digest.Digest, error) {
	now := map[registry.Reference]digest.Digest{}
	e.unseen = map[registry.Reference]error{}
	begin := time.Now()
	for _, tag := range e.Tags {
		if e.isSource(tag) {
			continue
		}
		desc, err := e.Client.Resolve(ctx, tag)
		e.took = max(e.took, time.Since(begin))
		switch {
		case err == nil:
			now[tag] = desc.Digest
		case errors.Is(err, oci.ErrNotFound):
			now[tag] = ""
		case e.DryRun && (e.merges || !registry.IsForbidden(err)):
			e.unseen[tag] = err
		case e.Force, errors.Is(err, oci.ErrCorrupt), errors.Is(err, oci.ErrTooLarge), errors.Is(err, oci.ErrMalformed):
			// If it is read, reading it reports the error.
		case !e.merges && registry.IsForbidden(err):
			now[tag] = registry.Hidden
		default:
			return nil, err
		}
	}
	return now, nil
}

// isSource reports whether a tag is the source of the edit.
func (e *editor) isSource(tag registry.Reference) bool {
	ref, err := registry.ParseReference(e.Source)
	return err == nil && !source.IsPath(e.Source) && ref.Digest() == "" && tag.String() == ref.String()
}

// isReplaced reports whether all tags point at their previous digests.
func (e *editor) isReplaced(now map[registry.Reference]digest.Digest) bool {
	if e.before == nil {
		return false
	}
	for _, tag := range e.Tags {
		if was, ok := e.before[tag]; !ok || now[tag] != was {
			return false
		}
	}
	return true
}

// read returns the index to edit, or nil for a new one.
func (e *editor) read(ctx context.Context, s *Staging) (*Index, *source.Source, error) {
	if e.Source == "" {
		return nil, nil, nil
	}
	s.begin(ctx, e.Client, append([]string{e.Source}, e.Reads...), e.Configs)
	sources, err := s.open(ctx, e.Client, []string{e.Source})
	e.took = max(e.took, time.Duration(s.took.Load()))
	switch {
	case errors.Is(err, oci.ErrNotFound) && e.MayBeMissing:
		return nil, nil, nil
	case errors.Is(err, oci.ErrNotFound) && !source.IsPath(e.Source) && len(e.Reads) > 0:
		return nil, nil, diag.WithHint(err, "make a new index with: docker extpack index create -t "+e.Source+" "+strings.Join(e.Reads, " "))
	case err != nil:
		return nil, nil, err
	}
	x, err := e.index(ctx, s, sources[0])
	if err == nil {
		err = x.Resolve(ctx, s)
	}
	return x, sources[0], err
}

// index returns the index of the source or, for a single image, an index that
// lists it.
func (e *editor) index(ctx context.Context, s *Staging, src *source.Source) (*Index, error) {
	root := src.Root
	if oci.IsIndex(root.MediaType) {
		return ReadIndex(ctx, s, root)
	}
	single, err := forAnyPlatform(ctx, s, root)
	if err != nil {
		return nil, err
	}
	to := e.Source
	if source.IsPath(e.Source) {
		to = "REFERENCE"
	}
	switch {
	case !single:
		return nil, diag.WithHint(diag.Invalidf("%s is not an index but a single manifest of type %s", src.Name, root.MediaType), "make an index of it with: docker extpack index create -t "+to+" "+e.Source)
	case !e.Single:
		return nil, diag.WithHint(diag.Invalidf("%s is one image for any platform, not an index that has platforms", src.Name),
			namePlatforms+fmt.Sprintf("; to list it under one, use: docker extpack index create -t %s --platform %s=os/arch %s", to, e.Source, e.Source))
	}
	c, err := NewEntry(v1.Descriptor{MediaType: root.MediaType, Digest: root.Digest, Size: root.Size})
	if err != nil {
		return nil, err
	}
	x := NewIndex()
	x.Append(c)
	return x, nil
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
		return nil, diag.Invalidf("the index would list nothing")
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
		return nil, diag.Invalidf("the index would be %d bytes long; registries take 4 MiB", n)
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
