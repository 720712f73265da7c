// Package drift compares the packed layers with the plan, file by file. A
// builder packs the files that it finds, and an extension directory may change
// after the plan was made: an editor saves, a generator is still running, or
// another user replaces a folder by a symbolic link.
package drift

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/safefile"
)

// Packed is an image that an engine built: its index in the plan, its manifest,
// and the diffID of the extension's layer.
type Packed struct {
	Image    int
	Manifest v1.Descriptor
	DiffID   digest.Digest
}

// Check returns an error that names a file of e whose packed form differs from
// the plan, or that has changed since it was planned. For an image with a build
// stage, whose other files come from the builder, it compares only the
// descriptor.
func Check(ctx context.Context, src content.Fetcher, e *plan.Extension, images []Packed) error {
	checked := map[digest.Digest]bool{}
	for _, p := range images {
		if checked[p.DiffID] {
			continue // shared with another platform
		}
		checked[p.DiffID] = !e.Images[p.Image].NeedsBuild()
		if err := check(ctx, src, e, p); err != nil {
			return diag.WithHint(err, "build again without changing the files of "+e.Dir)
		}
	}
	return nil
}

func check(ctx context.Context, src content.Fetcher, e *plan.Extension, p Packed) error {
	planned := embedded.NewLayer(e, p.Image)
	if !e.Images[p.Image].NeedsBuild() {
		// A layer with the planned diffID has the planned files.
		id, err := planned.DiffID(ctx)
		if err != nil {
			return err
		}
		if id == p.DiffID {
			return nil
		}
	}
	desc, err := layerOf(ctx, src, p)
	if err != nil {
		return err
	}
	packed, err := list(ctx, src, desc)
	if err != nil {
		return fmt.Errorf("reading layer: %w", err)
	}
	return compare(ctx, e, planned.Entries(), packed, e.Images[p.Image].NeedsBuild())
}

// layerOf returns the layer of an image that has the diffID.
func layerOf(ctx context.Context, src content.Fetcher, p Packed) (v1.Descriptor, error) {
	manifest, _, err := oci.ReadManifest(ctx, src, p.Manifest)
	if err != nil {
		return v1.Descriptor{}, err
	}
	config, _, err := oci.ReadConfig(ctx, src, manifest.Config)
	if err != nil {
		return v1.Descriptor{}, err
	}
	i := slices.Index(config.RootFS.DiffIDs, p.DiffID)
	if i < 0 || i >= len(manifest.Layers) {
		return v1.Descriptor{}, fmt.Errorf("the image has no layer with the diffID %s", p.DiffID)
	}
	return manifest.Layers[i], nil
}

// file is an entry of a layer.
type file struct {
	kind   byte
	size   int64
	target string
	sum    []byte
}

func list(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (map[string]file, error) {
	blob, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	stored := layer.From(blob)
	stored.Ours = true
	plain, err := stored.Expand()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	files := map[string]file{}
	for tr := tar.NewReader(plain); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, tr); err != nil { //nolint:gosec // this process built the layer
			return nil, err
		}
		files[strings.Trim(h.Name, "/")] = file{h.Typeflag, h.Size, h.Linkname, sum.Sum(nil)}
	}
}

// compare returns an error for the first entry that differs. If others is set,
// further entries of the layer are ignored.
func compare(ctx context.Context, e *plan.Extension, planned iter.Seq[embedded.Entry], packed map[string]file, others bool) error {
	root, err := safefile.OpenRoot(e.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for want := range planned {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if others && want.Source != extension.DescriptorFile {
			continue
		}
		got, ok := packed[want.Name]
		delete(packed, want.Name)
		reason := "is missing in the package"
		if ok {
			if reason, err = differs(root, want, got); err != nil {
				return err
			}
		}
		if reason != "" {
			return fmt.Errorf("%s %s: %w", filepath.Join(e.Dir, filepath.FromSlash(want.Source)), reason, embedded.ErrChanged)
		}
	}
	if others || len(packed) == 0 {
		return nil
	}
	extra := ""
	for name := range packed {
		if extra == "" || name < extra {
			extra = name
		}
	}
	dest := strings.Trim(e.Dest(), "/") + "/"
	return fmt.Errorf("%s is in the package, but was not planned: %w", filepath.Join(e.Dir, strings.TrimPrefix(extra, dest)), embedded.ErrChanged)
}

// differs returns how a packed entry differs from the planned one, or "".
func differs(root *safefile.Root, want embedded.Entry, got file) (string, error) {
	switch {
	case want.Mode.IsDir():
		if got.kind != tar.TypeDir {
			return "is not a folder in the package", nil
		}
		return "", nil
	case want.Mode&fs.ModeSymlink != 0:
		if got.kind != tar.TypeSymlink || got.target != want.Target {
			return fmt.Sprintf("is not a link to %q in the package", want.Target), nil
		}
		return "", nil
	case want.Hard:
		if got.kind != tar.TypeLink {
			return "is not a hard link in the package", nil
		}
		return "", nil
	case got.kind != tar.TypeReg:
		return "is not a file in the package", nil
	case got.size != want.Size:
		return fmt.Sprintf("has %d bytes in the package, and had %d", got.size, want.Size), nil
	}
	sum := sha256.New()
	if err := want.Copy(sum, root); err != nil {
		return "", err
	}
	if !bytes.Equal(sum.Sum(nil), got.sum) {
		return "has different content in the package", nil
	}
	return "", nil
}
