// Package source opens packages by name: a registry reference, a package file
// (.cnb) or an OCI layout directory.
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
	"github.com/extpack/extpack/internal/text"
)

// Source is an open package.
type Source struct {
	content.ReadOnlyStorage
	// Name is the name that the user typed; references are in their full form.
	Name string
	// Root is the index or manifest of the package.
	Root v1.Descriptor
	// File reports whether it is a package file.
	File bool
	// NestedFile reports whether it is a package file that lists indexes but no
	// image, which pack cannot read.
	NestedFile bool

	close func() error
}

// Close releases the package.
func (s *Source) Close() error {
	if s.close == nil {
		return nil // opened, and closed, by the caller
	}
	return s.close()
}

// Open opens the package at name: a file or directory that exists, or else a
// reference. It returns a [*diag.InvalidError] if name looks like a path and
// does not exist, or if the content is invalid.
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

// Prefetch reads the documents of a package in a registry side by side, those of
// images with their configs, for a caller that reads all of them one after
// another.
func (s *Source) Prefetch(ctx context.Context, configs, layers bool) {
	if remote, ok := s.ReadOnlyStorage.(*registry.Source); ok {
		remote.Prefetch(ctx, configs, layers)
	}
}

// OpenReference opens the package that ref refers to.
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
			return nil, diag.WithHint(diag.Invalidf("%s is the directory of an extension, not a package", name), "build it first: docker extpack build "+text.Quote(name))
		}
		if strings.EqualFold(filepath.Base(name), extension.DescriptorFile) {
			return nil, diag.WithHint(diag.Invalidf("%s is the descriptor of an extension, not a package", name), "name its directory: "+filepath.Dir(name))
		}
		return nil, err
	}
	root, err := ocilayout.Root(ctx, store)
	if err != nil {
		store.Close()
		return nil, err
	}
	s := &Source{ReadOnlyStorage: newSparse(ctx, store, name, root), Name: name, Root: root, close: store.Close}
	if _, isDir := store.(*ocilayout.Layout); !isDir {
		s.File = true
		index, err := store.Index(ctx)
		s.NestedFile = err == nil && len(index.Manifests) > 0 &&
			!slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return oci.IsManifest(d.MediaType) })
	}
	return s, nil
}

// SourceName implements [oci.Namer].
func (s *Source) SourceName(v1.Descriptor) string { return s.Name }

// IsPath reports whether Open treats name as a file or directory.
func IsPath(name string) bool {
	_, err := os.Stat(name)
	return err == nil || looksLikePath(name)
}

// IsExtension reports whether name is the directory of an extension and not a
// package: an OCI layout with a descriptor is an extension. A name that does not
// exist and is not clearly a reference is a missing directory.
func IsExtension(name string) bool {
	info, err := os.Stat(name)
	if err != nil {
		_, refErr := registry.ParseReference(name)
		return refErr != nil || !strings.ContainsAny(name, "/:@")
	}
	if !info.IsDir() {
		return false
	}
	_, err = os.Stat(filepath.Join(name, v1.ImageLayoutFile))
	_, descriptorErr := os.Stat(filepath.Join(name, extension.DescriptorFile))
	return err != nil || descriptorErr == nil
}

// looksLikePath reports whether name cannot be a reference.
func looksLikePath(name string) bool {
	return strings.HasSuffix(name, ".cnb") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") ||
		filepath.IsAbs(name) || strings.HasSuffix(name, "/")
}
