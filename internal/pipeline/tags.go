package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
	"github.com/extpack/extpack/internal/scratch"
)

// tagger is a destination that writes tags.
type tagger interface {
	// tags returns the tags, and the guard that decides about them.
	tags() ([]registry.Reference, *release.Guard)
	// changes returns what publishing a package would do to each of the tags.
	// pkg is nil if the package is not known.
	changes(ctx context.Context, tags []registry.Reference, pkg *annotate.Package) []release.Change
}

func (d Registry) tags() ([]registry.Reference, *release.Guard) { return d.Tags, d.Release }
func (d Append) tags() ([]registry.Reference, *release.Guard)   { return d.Tags, d.Release }

func (d Registry) changes(ctx context.Context, tags []registry.Reference, pkg *annotate.Package) []release.Change {
	var next *release.Content
	var failed error
	if pkg != nil {
		next, failed = release.Read(ctx, pkg.Layout, pkg.Root)
	}
	var all []release.Change
	for _, tag := range tags {
		at, ok := d.seen.at(tag)
		c := release.Change{Tag: tag, From: at}
		if !ok {
			c = lookAt(ctx, d.Client, tag)
		}
		if c.Err == nil {
			c.Err = failed
		}
		if next != nil && registry.IsHidden(c.Err) {
			if err := d.Release.Check(ctx, tag, registry.Hidden, next); err != nil {
				c.Err = err
			}
		}
		if c.Err == nil && next != nil {
			c.To = next.Root.Digest
			c.Err = d.Release.Check(ctx, tag, c.From, next)
		}
		all = append(all, c)
	}
	return all
}

func (d Append) changes(ctx context.Context, tags []registry.Reference, pkg *annotate.Package) []release.Change {
	var all []release.Change
	for _, tag := range tags {
		c := lookAt(ctx, d.Client, tag)
		if c.Err == nil && pkg != nil {
			r, err := d.edit(ctx, pkg, tag, true)
			if c.Err = err; err == nil {
				c.To = r.Root.Digest
			}
		}
		all = append(all, c)
	}
	return all
}

// lookTime bounds the look at a tag. A registry that takes longer is asked again
// when the tag is written.
const lookTime = 10 * time.Second

// lookAt returns where a tag is.
func lookAt(ctx context.Context, client *registry.Client, tag registry.Reference) release.Change {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	desc, err := client.Resolve(ctx, tag)
	switch {
	case errors.Is(err, oci.ErrNotFound):
		err = nil
	case err != nil:
		err = &unseenError{err}
	}
	return release.Change{Tag: tag, From: desc.Digest, Err: err}
}

// unseenError is the failure to look at a tag. Publishing reports it, if it is
// one.
type unseenError struct{ err error }

func (e *unseenError) Error() string { return e.err.Error() }
func (e *unseenError) Unwrap() error { return e.err }

// checkTags returns an error if a tag must not be moved, or if none would be.
func checkTags(ctx context.Context, destinations []Destination, pkg *annotate.Package) error {
	kept, other := 0, 0
	for _, d := range destinations {
		t, ok := d.(tagger)
		if !ok {
			other++
			continue
		}
		tags, guard := t.tags()
		guarded := slices.DeleteFunc(slices.Clone(tags), func(tag registry.Reference) bool {
			return guard == nil || !release.Guards(tag, pkg.Index.Annotations[extension.AnnotationVersion])
		})
		other += len(tags) - len(guarded)
		for _, c := range t.changes(ctx, guarded, pkg) {
			var unseen *unseenError
			switch {
			case errors.Is(c.Err, registry.ErrKept):
				kept++
			case c.Err == nil, errors.As(c.Err, &unseen):
				other++
			default:
				return c.Err
			}
		}
	}
	if kept > 0 && other == 0 {
		return release.ErrNothing
	}
	return nil
}

// TagChanges returns what a run would do to the tags of an extension. It packs
// the extension if that needs no builder, because the digest depends on the
// content.
func TagChanges(ctx context.Context, e *plan.Extension, places Places, opts Options) ([]release.Change, error) {
	var all []release.Change
	opts.Destinations = places.Of
	engine := &embedded.Engine{}
	if !opts.Force {
		// What is published may have another level of compression.
		if r, ok := unchanged(ctx, e, engine, opts); ok {
			return sameTags(r.Root.Digest, places.Of(e)), nil
		}
	}
	var pkg *annotate.Package
	for _, d := range places.Of(e) {
		t, ok := d.(tagger)
		if !ok {
			continue
		}
		if pkg == nil && predictable(e, opts) {
			temp, err := scratch.New()
			if err != nil {
				return nil, err
			}
			defer temp.Remove()
			p, err := pack(ctx, e, engine, temp.Path, opts)
			if err != nil {
				return nil, err
			}
			defer p.close()
			pkg = p.pkg
		}
		tags, _ := t.tags()
		all = append(all, t.changes(ctx, tags, pkg)...)
	}
	return all, nil
}

// sameTags returns the changes of a run that has nothing to do.
func sameTags(at digest.Digest, destinations []Destination) []release.Change {
	var all []release.Change
	for _, d := range destinations {
		t, ok := d.(tagger)
		if !ok {
			continue
		}
		tags, _ := t.tags()
		for _, tag := range tags {
			all = append(all, release.Change{Tag: tag, From: at, To: at})
		}
	}
	return all
}

// predictable reports whether the embedded engine makes the same package.
func predictable(e *plan.Extension, opts Options) bool { return e.Static() && !opts.Unpredictable }

func pack(ctx context.Context, e *plan.Extension, engine Engine, dir string, opts Options) (*prepared, error) {
	work := filepath.Join(dir, "engine")
	if err := os.Mkdir(work, 0o755); err != nil {
		return nil, err
	}
	built, err := engine.Build(ctx, &plan.Plan{Extensions: []*plan.Extension{e}}, work)
	if err != nil {
		return nil, err
	}
	defer closeBuilt(e, built)
	p := &prepared{}
	if err := p.make(ctx, e, built, filepath.Join(dir, "package"), opts); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}
