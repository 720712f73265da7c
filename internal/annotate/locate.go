package annotate

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
)

// wholeLayer is the size up to which a layer is read completely, to detect a
// second extension. Larger layers are downloaded only up to the first; package
// verify reads them completely.
const wholeLayer = 1 << 20

// located is an extension that was found in an image.
type located struct {
	descriptor *extension.Descriptor
	diffID     digest.Digest
}

// locate finds the one extension in the layers of an image, the smallest layer
// first: an extension is rarely what makes an image large.
func locate(ctx context.Context, src content.Fetcher, manifest v1.Manifest, diffIDs []digest.Digest) (*located, error) {
	if len(manifest.Layers) != len(diffIDs) {
		return nil, diag.Invalidf("the image has %d layers and %d diffIDs", len(manifest.Layers), len(diffIDs))
	}
	order := make([]int, len(diffIDs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(manifest.Layers[a].Size, manifest.Layers[b].Size) })
	var found *located
	seen := map[digest.Digest]bool{}
	for _, i := range order {
		desc := manifest.Layers[i]
		if found != nil && desc.Size > wholeLayer {
			break
		}
		if seen[desc.Digest] || !oci.IsLayer(desc.MediaType) {
			continue // package verify reports layers that cannot be read
		}
		seen[desc.Digest] = true
		descriptors, err := search(ctx, src, desc)
		if err != nil {
			return nil, oci.About(desc, err, "reading layer %s", desc.Digest)
		}
		for _, d := range descriptors {
			if found != nil {
				return nil, twoExtensions(found.descriptor, d)
			}
			found = &located{descriptor: d, diffID: diffIDs[i]}
		}
	}
	if found == nil {
		return nil, diag.WithHint(diag.Invalidf("the image contains no extension: no layer has cnb/extensions/ID/VERSION/%s", extension.DescriptorFile), "copy the extension there, as the file of \"docker extpack bake\" does")
	}
	return found, nil
}

func twoExtensions(a, b *extension.Descriptor) error {
	if a.Info.String() == b.Info.String() {
		return diag.WithHint(diag.Invalidf("the image contains %s in two layers, of which readers use only one", a.Info), "copy everything in one step, as the file of \"docker extpack bake\" does")
	}
	return diag.WithHint(diag.Invalidf("the image contains two extensions, %s and %s", a.Info, b.Info), "package each of them separately")
}

// search returns the descriptors in a layer, at most two; in a large layer only
// the first. A layer that is read completely is verified.
func search(ctx context.Context, src content.Fetcher, desc v1.Descriptor) ([]*extension.Descriptor, error) {
	rc, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	stored := layer.From(rc)
	limit := 2
	if desc.Size > wholeLayer {
		limit = 1
	}
	found, err := descriptorsIn(stored, limit)
	if desc.Size <= wholeLayer {
		// A wrong digest explains invalid data.
		_, _ = io.Copy(io.Discard, stored)
	}
	switch {
	case stored.Err() != nil:
		return nil, stored.Err()
	case err != nil && !diag.IsInvalid(err):
		return nil, diag.Invalidf("%v", err)
	}
	return found, err
}

// descriptorsIn returns at most limit descriptors.
func descriptorsIn(stored *layer.Stored, limit int) ([]*extension.Descriptor, error) {
	plain, err := stored.Expand()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	var found []*extension.Descriptor
	places := map[string]int{}
	for tr := tar.NewReader(plain); len(found) < limit; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		d, err := descriptorEntry(name, header, tr)
		if err != nil {
			return nil, err
		}
		if d == nil {
			continue
		}
		if i, again := places[name]; again {
			found[i] = d // unpacking keeps the last one of a name
			continue
		}
		places[name] = len(found)
		found = append(found, d)
	}
	return found, nil
}

// descriptorEntry reads the entry if it is the descriptor of an extension.
func descriptorEntry(name string, header *tar.Header, r io.Reader) (*extension.Descriptor, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 5 || parts[0] != "cnb" || parts[1] != "extensions" || parts[4] != extension.DescriptorFile || header.Typeflag != tar.TypeReg {
		return nil, nil
	}
	if header.Size > extension.MaxSize {
		return nil, diag.Invalidf("%s has %d bytes, more than the limit of %d", name, header.Size, extension.MaxSize)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	d, _, err := extension.Parse(name, data)
	if err != nil {
		return nil, err
	}
	if d.Info.EscapedID() != parts[2] || d.Info.Version != parts[3] {
		return nil, diag.Invalidf("%s describes %s, which does not match its path", name, d.Info)
	}
	return d, nil
}
