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
	"github.com/extpack/extpack/internal/source"
)

// now reads the source and what the tags point at. The index is nil if the
// source does not exist, and so is the source.
func (e *editor) now(ctx context.Context, s *Staging) (*Index, *source.Source, map[registry.Reference]digest.Digest, error) {
	before, err := e.tagsNow(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	x, src, err := e.read(ctx, s)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, tag := range e.Tags {
		if e.isSource(tag) {
			before[tag] = rootOf(src)
		}
	}
	if e.isReplaced(before) {
		return nil, nil, nil, errLag
	}
	return x, src, before, nil
}

// rootOf returns the digest of a source, or "" if it does not exist.
func rootOf(src *source.Source) digest.Digest {
	if src == nil {
		return ""
	}
	return src.Root.Digest
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
		return nil, nil, diag.WithHint(err, "create a new index with: docker extpack index create -t "+e.Source+" "+strings.Join(e.Reads, " "))
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
		return nil, diag.WithHint(diag.Invalidf("%s is not an index but a single manifest of type %s", src.Name, root.MediaType), "create an index of it with: docker extpack index create -t "+to+" "+e.Source)
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
