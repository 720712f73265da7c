package edit

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// Options say how an edited index is written.
type Options struct {
	Client *registry.Client
	// Types are the media types to give it.
	Types Types
	// Force writes tags wherever they have moved to meanwhile.
	Force bool
	// DryRun writes nothing.
	DryRun bool
	// Warn is as with [ocilayout.CopyDir].
	Warn func(message string)
	// Check may refuse the edited index before it is written; nil lets every
	// index pass.
	Check func(ctx context.Context, o *Overlay, root v1.Descriptor) error
}

// Result is an index that was, or with a dry run would be, written.
type Result struct {
	Raw       []byte
	Root      v1.Descriptor
	Published []registry.Published
}

// Update reads the index at tag, lets change edit it, and lets tag point at the
// result, unless tag moved meanwhile: that is a [*registry.MovedError]. An edit
// that changes nothing writes nothing. A tag that is not there is a
// [oci.ErrNotFound], one that is no index a [*diag.InvalidError].
func Update(ctx context.Context, opts Options, tag registry.Reference, change func(context.Context, *Overlay, *Index) error) (*Result, error) {
	src, err := source.OpenReference(ctx, opts.Client, tag)
	switch {
	case errors.Is(err, oci.ErrNotFound):
		return nil, diag.WithHint(err, "make a new index with: docker extpack index create -t "+tag.String()+" SOURCE…")
	case err != nil:
		return nil, err
	case !oci.IsIndex(src.Root.MediaType):
		if ok, err := forAnyPlatform(ctx, src, src.Root); err == nil && ok {
			return nil, diag.Invalidf(namePlatforms+fmt.Sprintf("; to list it under one, use: docker extpack index create -t %s --platform %s=os/arch %s", tag, tag, tag),
				"%s is one image for any platform, not an index that has platforms", tag)
		}
		return nil, diag.Invalidf(fmt.Sprintf("make it one with: docker extpack index create -t %s %s", tag, tag),
			"%s is not an index but a single manifest of type %s", tag, src.Root.MediaType)
	}
	o := NewOverlay(src)
	defer o.Close()
	x, err := ReadIndex(ctx, o, src.Root)
	if err != nil {
		return nil, err
	}
	if err := x.Resolve(ctx, o); err != nil {
		return nil, err
	}
	if err := change(ctx, o, x); err != nil {
		return nil, err
	}
	r, err := finish(ctx, opts, o, x)
	if err != nil || opts.DryRun {
		return r, err
	}
	if r.Root.Digest == src.Root.Digest {
		r.Published = []registry.Published{{Reference: tag, Descriptor: r.Root}}
		return r, nil
	}
	expected := map[registry.Reference]digest.Digest{tag: src.Root.Digest}
	return r, r.publish(ctx, opts, o, []registry.Reference{tag}, expected)
}

// finish gives an index its media types and stores it.
func finish(ctx context.Context, opts Options, o *Overlay, x *Index) (*Result, error) {
	if err := x.Convert(ctx, o, opts.Types); err != nil {
		return nil, err
	}
	if len(x.Children()) == 0 {
		return nil, diag.Invalidf("", "the index would list nothing")
	}
	raw, err := x.Bytes()
	if err != nil {
		return nil, err
	}
	if n := len(raw); n > oci.MaxManifestSize {
		return nil, diag.Invalidf("", "the index would be %d bytes long; registries take 4 MiB", n)
	}
	r := &Result{Raw: raw, Root: o.Put(x.MediaType(), raw)}
	if opts.Check != nil {
		err = opts.Check(ctx, o, r.Root)
	}
	return r, err
}

func (r *Result) publish(ctx context.Context, opts Options, o *Overlay, tags []registry.Reference, expected map[registry.Reference]digest.Digest) error {
	var conditions []registry.PublishOption
	if !opts.Force {
		for tag, at := range expected {
			conditions = append(conditions, registry.Expect(tag, at))
		}
	}
	var err error
	r.Published, err = opts.Client.Publish(ctx, o, r.Root, tags, conditions...)
	return err
}
