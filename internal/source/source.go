// Package source opens packages wherever they are: a registry reference, a
// package file (.cnb) or an OCI layout directory. What is done with them is
// other packages' business.
package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
)

// Source is a package that is open for reading.
type Source struct {
	content.ReadOnlyStorage
	// Name is how the user named it, in full for a reference.
	Name string
	// Root is the index or manifest that stands for the package.
	Root v1.Descriptor
	// NestedFile is whether it is a package file that lists indexes and no
	// image, which pack cannot read.
	NestedFile bool

	close func() error
}

// Close releases the package.
func (s *Source) Close() error {
	if s.close == nil {
		return nil // made by others, who close what they opened
	}
	return s.close()
}

// Open opens what name says: a file or directory that exists, or else a
// reference. What looks like a path and does not exist is a
// [*diag.InvalidError], as is content that a registry serves wrong.
func Open(ctx context.Context, client *registry.Client, name string) (*Source, error) {
	if _, err := os.Stat(name); err == nil {
		return openLayout(ctx, name)
	} else if !errors.Is(err, fs.ErrNotExist) && looksLikePath(name) {
		return nil, diag.Invalidf("reading %s: %v", name, err)
	}
	if looksLikePath(name) {
		return nil, diag.WithHint(diag.Invalidf("%s does not exist", name), "name a .cnb file, an OCI layout directory or a registry reference")
	}
	ref, err := registry.ParseReference(name)
	if err != nil {
		return nil, err
	}
	return OpenReference(ctx, client, ref)
}

// OpenReference opens what a reference points at.
func OpenReference(ctx context.Context, client *registry.Client, ref registry.Reference) (*Source, error) {
	remote, err := client.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &Source{ReadOnlyStorage: remote, Name: ref.String(), Root: remote.Root}, nil
}

func openLayout(ctx context.Context, name string) (*Source, error) {
	store, err := ocilayout.Open(name)
	if err != nil {
		if _, statErr := os.Stat(filepath.Join(name, extension.DescriptorFile)); statErr == nil {
			return nil, diag.WithHint(diag.Invalidf("%s is the directory of an extension, not a package", name), "build it first: docker extpack build "+name)
		}
		return nil, err
	}
	root, err := ocilayout.Root(ctx, store)
	if err != nil {
		store.Close()
		return nil, err
	}
	s := &Source{ReadOnlyStorage: store, Name: name, Root: root, close: store.Close}
	if _, isDir := store.(*ocilayout.Layout); !isDir {
		index, err := store.Index(ctx)
		s.NestedFile = err == nil && len(index.Manifests) > 0 &&
			!slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return oci.IsManifest(d.MediaType) })
	}
	return s, nil
}

// SourceName implements [oci.Namer].
func (s *Source) SourceName(v1.Descriptor) string { return s.Name }

// IsPath reports whether Open takes name for a file or directory.
func IsPath(name string) bool {
	_, err := os.Stat(name)
	return err == nil || looksLikePath(name)
}

// looksLikePath tells what can be no reference.
func looksLikePath(name string) bool {
	return strings.HasSuffix(name, ".cnb") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") ||
		filepath.IsAbs(name) || strings.HasSuffix(name, "/")
}
