package edit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
)

// Creation is a new index of images that exist.
type Creation struct {
	Options
	// Sources are named as for package source.
	Sources []string
	Take    TakeOptions
	// Annotations are added to the index.
	Annotations map[string]string
	// Tags are references to publish under, Files package files and Dirs layout
	// directories to write.
	Tags        []registry.Reference
	Files, Dirs []string
}

// Run makes the index and writes it: files first, then, when all is well, tags,
// which must not have moved meanwhile.
func (c *Creation) Run(ctx context.Context) (*Result, error) {
	expected := c.tagsNow(ctx)
	o := NewOverlay()
	defer o.Close()
	sources, err := o.Open(ctx, c.Client, c.Sources)
	if err != nil {
		return nil, err
	}
	all, err := TakeAll(ctx, o, sources, c.Sources, c.Take)
	if err != nil {
		return nil, err
	}
	x, err := JoinAll(all)
	if err != nil {
		return nil, err
	}
	if err := x.Annotate(c.Annotations); err != nil {
		return nil, err
	}
	r, err := finish(ctx, c.Options, o, x)
	if err != nil || c.DryRun {
		return r, err
	}
	for _, name := range c.Files {
		if err := writeFile(ctx, name, o, x); err != nil {
			return r, err
		}
	}
	for _, name := range c.Dirs {
		if err := ocilayout.CopyDir(ctx, name, o, v1.Index{Manifests: []v1.Descriptor{r.Root}}); err != nil {
			return r, err
		}
	}
	if len(c.Tags) == 0 {
		return r, nil
	}
	return r, r.publish(ctx, c.Options, o, c.Tags, expected)
}

// tagsNow gives where the tags are before anything is read. Of a tag that
// cannot be read nothing is expected: publishing says what is wrong, if it is.
func (c *Creation) tagsNow(ctx context.Context) map[registry.Reference]digest.Digest {
	expected := map[registry.Reference]digest.Digest{}
	if c.Force || c.DryRun {
		return expected
	}
	for _, tag := range c.Tags {
		desc, err := c.Client.Resolve(ctx, tag)
		if err == nil || errors.Is(err, registry.ErrNotFound) {
			expected[tag] = desc.Digest
		}
	}
	return expected
}

// writeFile writes a package file, whose readers take the first image manifest
// of index.json: so it lists images flat, and nothing else.
func writeFile(ctx context.Context, name string, o *Overlay, x *Index) error {
	flat := &Index{children: x.Children()}
	if err := flat.Flatten(ctx, o); err != nil {
		return err
	}
	index := v1.Index{Annotations: x.Annotations()}
	for _, c := range flat.Images() {
		index.Manifests = append(index.Manifests, c.Descriptor())
	}
	if err := ocilayout.WriteTarFile(ctx, name, o, index); err != nil {
		return fmt.Errorf("writing package file: %w", err)
	}
	return nil
}

// ParsePlatforms reads SOURCE=os/arch[/variant] for sources, by name.
func ParsePlatforms(list, sources []string) (map[string]v1.Platform, error) {
	platforms := map[string]v1.Platform{}
	for _, s := range list {
		i := strings.LastIndex(s, "=")
		if i <= 0 {
			return nil, diag.Invalidf("", "--platform %q is not SOURCE=os/arch[/variant]", s)
		}
		p, err := ParsePlatform(s[i+1:])
		if err != nil {
			return nil, err
		}
		platforms[s[:i]] = p
	}
	for _, name := range sortedKeys(platforms) {
		found := false
		for _, s := range sources {
			found = found || s == name
		}
		if !found {
			return nil, diag.Invalidf("", "--platform %s=…: there is no such source; there are %s", name, strings.Join(sources, ", "))
		}
	}
	return platforms, nil
}
