package edit

import (
	"context"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// Rewriting is an edit of an index that may be anywhere and may go elsewhere.
type Rewriting struct {
	Options
	// Source is named as for package source.
	Source string
	// Single lets the source be an image for any platform, which stays one.
	Single bool
	// Targets are where the result goes; none means back to where it came from.
	Targets
}

// Run reads the index, lets change edit it, and writes the result. A tag that
// moved since it was read is a [*registry.MovedError], and nothing that is
// right already is written again.
func (w *Rewriting) Run(ctx context.Context, change func(context.Context, *Overlay, *Index) error) (*Result, error) {
	to, back, err := w.targets()
	if err != nil {
		return nil, err
	}
	paths := slices.Concat(to.Files, to.Dirs)
	if back {
		paths = append(paths, w.Source)
	}
	unlock, err := atomicfile.Lock(ctx, paths...)
	if err != nil {
		return nil, err
	}
	defer unlock()
	o := NewOverlay()
	defer o.Close()
	expected := tagsNow(ctx, w.Options, to.Tags)
	sources, err := o.Open(ctx, w.Client, []string{w.Source})
	if err != nil {
		return nil, err
	}
	root := sources[0].Root
	x, err := w.read(ctx, o, sources[0])
	if err == nil {
		err = x.Resolve(ctx, o)
	}
	if err == nil {
		err = change(ctx, o, x)
	}
	if err != nil {
		return nil, err
	}
	r, err := finish(ctx, w.Options, o, x)
	if err == nil && !oci.IsIndex(root.MediaType) {
		err = r.unwrap(ctx, o, x)
	}
	if err != nil || w.DryRun {
		return r, err
	}
	if back {
		return r, r.rewrite(ctx, w.Options, o, x, w.Source, sources[0])
	}
	return r, r.write(ctx, w.Options, o, x, to, expected)
}

// read returns the index of the source or, for an image that stays one, an index
// that lists it.
func (w *Rewriting) read(ctx context.Context, o *Overlay, src *source.Source) (*Index, error) {
	root := src.Root
	if oci.IsIndex(root.MediaType) {
		return ReadIndex(ctx, o, root)
	}
	single, err := forAnyPlatform(ctx, o, root)
	switch {
	case err != nil:
		return nil, err
	case !single || !w.Single:
		hint := "make an index of it with: docker extpack index create -t REFERENCE " + w.Source
		if single {
			hint = namePlatforms
		}
		return nil, diag.Invalidf(hint, "%s is not an index but a single manifest of type %s", src.Name, root.MediaType)
	}
	c, err := NewChild(v1.Descriptor{MediaType: root.MediaType, Digest: root.Digest, Size: root.Size})
	if err != nil {
		return nil, err
	}
	x := NewIndex()
	x.Append(c)
	return x, nil
}

// unwrap makes the one image of x the result.
func (r *Result) unwrap(ctx context.Context, o *Overlay, x *Index) error {
	desc := x.Images()[0].Descriptor()
	r.Root = v1.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
	var err error
	r.Raw, err = oci.ReadBytes(ctx, o, r.Root, oci.MaxManifestSize)
	return err
}

// targets gives where the result goes; back is into the file or directory that
// it came from.
func (w *Rewriting) targets() (to Targets, back bool, err error) {
	if !w.empty() {
		return w.Targets, false, nil
	}
	if source.IsPath(w.Source) {
		return Targets{}, true, nil
	}
	ref, err := registry.ParseTag(w.Source)
	if err == nil {
		return Targets{Tags: []registry.Reference{ref}}, false, nil
	}
	if _, readable := registry.ParseReference(w.Source); readable == nil {
		err = diag.Invalidf("name where the result goes with --tag or --output", "%s cannot be written back to: a digest always means the same content", w.Source)
	}
	return Targets{}, false, err
}
