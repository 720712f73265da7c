package edit

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/source"
)

// TakeOptions say what is taken of sources.
type TakeOptions struct {
	// Platforms are what the user says that the only image of a source is for,
	// by name of the source.
	Platforms map[string]platform.Identity
	// Nested keeps indexes as one entry each instead of what they list.
	Nested bool
	// NoAttestations leaves attestations behind.
	NoAttestations bool
}

// Taken is what a source has to give. Every image has a platform.
type Taken struct {
	// Index is the source's own index, flat; nil for an image, or with Nested.
	Index *Index
	// Name is the source's.
	Name   string
	parts  []part
	others []*Child
}

// part is an image and what is said about it.
type part struct {
	image        *Child
	attestations []*Child
}

// TakeAll reads what sources have to give, whose names are those the user gave.
// The overlay must have them as bases.
func TakeAll(ctx context.Context, o *Overlay, sources []*source.Source, names []string, opts TakeOptions) ([]*Taken, error) {
	all := make([]*Taken, 0, len(sources))
	for i, s := range sources {
		t := &Taken{Name: s.Name}
		var given *platform.Identity
		if p, ok := opts.Platforms[names[i]]; ok {
			given = &p
		}
		if err := t.take(ctx, o, s.Root, given, opts); err != nil {
			return nil, oci.Wrap(err, "reading "+s.Name)
		}
		all = append(all, t)
	}
	return all, nil
}

func (t *Taken) take(ctx context.Context, o *Overlay, root v1.Descriptor, given *platform.Identity, opts TakeOptions) error {
	if !oci.IsIndex(root.MediaType) || opts.Nested {
		c, err := NewChild(v1.Descriptor{MediaType: root.MediaType, Digest: root.Digest, Size: root.Size})
		if err != nil {
			return err
		}
		if c.Kind() == oci.KindIndex {
			t.others = []*Child{c}
			return nil
		}
		t.parts = []part{{image: c}}
		return c.prepare(ctx, o, given)
	}
	x, err := ReadIndex(ctx, o, root)
	if err != nil {
		return err
	}
	if err := x.Flatten(ctx, o); err != nil {
		return err
	}
	if err := x.Resolve(ctx, o); err != nil {
		return err
	}
	if opts.NoAttestations {
		x.children = x.filter(func(c *Child) bool { return c.Kind() != oci.KindAttestation })
	}
	t.Index = x
	return t.addImages(ctx, o, given)
}

func (t *Taken) addImages(ctx context.Context, o *Overlay, p *platform.Identity) error {
	images := t.Index.Images()
	if p != nil && len(images) != 1 {
		return diag.WithHint(diag.Invalidf("it has %d images, so --platform cannot say what it is for", len(images)), "name the one image by its digest")
	}
	for _, c := range images {
		if err := c.prepare(ctx, o, p); err != nil {
			return err
		}
		t.parts = append(t.parts, part{c, t.Index.Attestations(c)})
	}
	t.others = t.Index.Others()
	return nil
}

// prepare makes sure that an image has a platform; given is the user's word,
// which may add to the source's but not contradict it.
func (c *Child) prepare(ctx context.Context, o *Overlay, given *platform.Identity) error {
	if c.Kind() == oci.KindImage {
		if err := c.resolve(ctx, o); err != nil {
			return err
		}
	}
	if c.Kind() != oci.KindImage {
		return diag.Invalidf("%s is not an image but an artifact", c.desc.Digest)
	}
	if c.any && given == nil {
		return diag.WithHint(diag.Invalidf("%s is one image for any platform", c.desc.Digest), "say under which to list it with --platform SOURCE=os/arch[/variant]; "+namePlatforms)
	}
	if given != nil {
		if err := c.complete(*given); err != nil {
			return err
		}
	}
	if err := c.settle(); err != nil {
		return err
	}
	if !oci.HasPlatform(c.desc) {
		return diag.WithHint(diag.Invalidf("neither the descriptor nor the config of %s says which platform it is for", c.desc.Digest), "say which with --platform SOURCE=os/arch[/variant]")
	}
	return nil
}

func (c *Child) complete(given platform.Identity) error {
	p := c.Platform()
	has := c.Identity()
	lacks := c.any || p.OS == "" || p.OS == given.OS && p.Architecture == given.Architecture && p.Variant == ""
	same := platform.Equal(has.Platform(), given.Platform()) &&
		(given.OSVersion == "" || has.OSVersion == "" || given.OSVersion == has.OSVersion) &&
		(given.Distro.Name == "" || has.Distro.Name == "" || given.Distro == has.Distro)
	if !lacks && !same {
		return diag.WithHint(diag.Invalidf("%s says that it is for %s, not for %s", c.desc.Digest, has, given), "to list it under another platform use: docker extpack index annotate")
	}
	p.OS, p.Architecture, p.Variant = given.OS, given.Architecture, given.Variant
	if given.OSVersion != "" {
		p.OSVersion = given.OSVersion
	}
	if given.Distro.Name != "" {
		err := c.Annotate(map[string]string{
			extension.AnnotationDistroName: given.Distro.Name, extension.AnnotationDistroVersion: given.Distro.Version,
		})
		if err != nil {
			return err
		}
	}
	return c.SetPlatform(p)
}
