package index

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/source"
)

// ReadOptions are the options of [ReadSources].
type ReadOptions struct {
	// Platforms are the user's platforms for sources with a single image, by
	// name of the source.
	Platforms map[string]platform.Identity
	// Nested keeps each index as one entry instead of its entries.
	Nested bool
	// NoAttestations omits attestations.
	NoAttestations bool
}

// SourceImages are the images of a source. Every image has a platform.
type SourceImages struct {
	// Index is the flattened index of the source. It is nil for an image, or
	// with Nested.
	Index *Index
	// Name is the name of the source.
	Name   string
	parts  []imageWithAttestations
	others []*Entry
}

// imageWithAttestations is an image and its attestations.
type imageWithAttestations struct {
	image        *Entry
	attestations []*Entry
}

// ReadSources reads the images of sources. names are the arguments that name them;
// s must have the sources as stores.
func ReadSources(ctx context.Context, s *Staging, sources []*source.Source, names []string, opts ReadOptions) ([]*SourceImages, error) {
	all := make([]*SourceImages, 0, len(sources))
	for i, src := range sources {
		t := &SourceImages{Name: src.Name}
		var given *platform.Identity
		if p, ok := opts.Platforms[names[i]]; ok {
			given = &p
		}
		if err := t.read(ctx, s, src.Root, given, opts); err != nil {
			return nil, oci.Wrap(err, "reading "+src.Name)
		}
		all = append(all, t)
	}
	return all, nil
}

func (t *SourceImages) read(ctx context.Context, s *Staging, root v1.Descriptor, given *platform.Identity, opts ReadOptions) error {
	if !oci.IsIndex(root.MediaType) || opts.Nested {
		c, err := NewEntry(v1.Descriptor{MediaType: root.MediaType, Digest: root.Digest, Size: root.Size})
		if err != nil {
			return err
		}
		if c.Kind() == oci.KindIndex {
			t.others = []*Entry{c}
			return nil
		}
		t.parts = []imageWithAttestations{{image: c}}
		return c.prepare(ctx, s, given)
	}
	x, err := ReadIndex(ctx, s, root)
	if err != nil {
		return err
	}
	if err := x.Flatten(ctx, s); err != nil {
		return err
	}
	if err := x.Resolve(ctx, s); err != nil {
		return err
	}
	if opts.NoAttestations {
		x.entries = x.filter(func(c *Entry) bool { return c.Kind() != oci.KindAttestation })
	}
	t.Index = x
	return t.addImages(ctx, s, given)
}

func (t *SourceImages) addImages(ctx context.Context, s *Staging, p *platform.Identity) error {
	images := t.Index.Images()
	if p != nil && len(images) != 1 {
		return diag.WithHint(diag.Invalidf("it has %d images, so --platform is ambiguous", len(images)), "name the one image by its digest")
	}
	for _, c := range images {
		if err := c.prepare(ctx, s, p); err != nil {
			return err
		}
		t.parts = append(t.parts, imageWithAttestations{c, t.Index.Attestations(c)})
	}
	t.others = t.Index.Others()
	return nil
}

// prepare ensures that an image has a platform. given is that of the user,
// which must not contradict that of the source.
func (e *Entry) prepare(ctx context.Context, s *Staging, given *platform.Identity) error {
	if e.Kind() == oci.KindImage {
		if err := e.resolve(ctx, s); err != nil {
			return err
		}
	}
	if e.Kind() != oci.KindImage {
		return diag.Invalidf("%s is not an image but an artifact", e.desc.Digest)
	}
	if e.any && given == nil {
		return diag.WithHint(diag.Invalidf("%s is one image for any platform", e.desc.Digest), "specify a platform with --platform SOURCE=os/arch[/variant]; "+namePlatforms)
	}
	if given != nil {
		if err := e.fillPlatform(*given); err != nil {
			return err
		}
	}
	if err := e.applyPlatform(); err != nil {
		return err
	}
	if !oci.HasPlatform(e.desc) {
		return diag.WithHint(diag.Invalidf("neither the descriptor nor the config of %s specifies a platform", e.desc.Digest), "specify it with --platform SOURCE=os/arch[/variant]")
	}
	return nil
}

func (e *Entry) fillPlatform(given platform.Identity) error {
	p := e.Platform()
	has := e.Identity()
	lacks := e.any || p.OS == "" || p.OS == given.OS && p.Architecture == given.Architecture && p.Variant == ""
	same := platform.Equal(has.Platform(), given.Platform()) &&
		(given.OSVersion == "" || has.OSVersion == "" || given.OSVersion == has.OSVersion) &&
		(given.Distro.Name == "" || has.Distro.Name == "" || given.Distro == has.Distro)
	if !lacks && !same {
		return diag.WithHint(diag.Invalidf("%s is for %s, not for %s", e.desc.Digest, has, given), "to list it under another platform, use: docker extpack index annotate")
	}
	p.OS, p.Architecture, p.Variant = given.OS, given.Architecture, given.Variant
	if given.OSVersion != "" {
		p.OSVersion = given.OSVersion
	}
	if given.Distro.Name != "" {
		err := e.Annotate(map[string]string{
			extension.AnnotationDistroName: given.Distro.Name, extension.AnnotationDistroVersion: given.Distro.Version,
		})
		if err != nil {
			return err
		}
	}
	return e.SetPlatform(p)
}
