package annotate

import (
	"archive/tar"
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

const (
	// maxDescriptor is the size of the largest extension.toml that is read.
	maxDescriptor = 1 << 20
	// wholeLayer is the size up to which a layer is read to its end, to see
	// whether it holds a second extension. Of larger ones no more is downloaded
	// than it takes to find the first; verify reads all of them.
	wholeLayer = 1 << 20
)

// located is an extension found in an image.
type located struct {
	descriptor *extension.Descriptor
	diffID     digest.Digest
}

// locate finds the one extension in the layers of an image, the smallest layer
// first: an extension is rarely what makes an image large.
func locate(ctx context.Context, src content.Fetcher, manifest v1.Manifest, diffIDs []digest.Digest) (*located, error) {
	if len(manifest.Layers) != len(diffIDs) {
		return nil, diag.Invalidf("", "the image has %d layers and %d diffIDs", len(manifest.Layers), len(diffIDs))
	}
	order := make([]int, len(diffIDs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(manifest.Layers[a].Size, manifest.Layers[b].Size) })
	var found *located
	for _, i := range order {
		layer := manifest.Layers[i]
		if found != nil && layer.Size > wholeLayer {
			break
		}
		descriptors, err := search(ctx, src, layer)
		if err != nil {
			return nil, fmt.Errorf("looking into layer %s: %w", layer.Digest, err)
		}
		for _, d := range descriptors {
			if found != nil {
				return nil, diag.Invalidf("package each of them by itself", "the image holds two extensions, %s and %s", found.descriptor.Info, d.Info)
			}
			found = &located{descriptor: d, diffID: diffIDs[i]}
		}
	}
	if found == nil {
		return nil, diag.Invalidf("", "the image holds no extension: no layer has cnb/extensions/ID/VERSION/%s", extension.DescriptorFile)
	}
	return found, nil
}

// search gives the descriptors in a layer; in a large one only the first.
func search(ctx context.Context, src content.Fetcher, layer v1.Descriptor) ([]*extension.Descriptor, error) {
	rc, err := src.Fetch(ctx, layer)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	r, err := decompress(io.LimitReader(rc, layer.Size))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var found []*extension.Descriptor
	for tr := tar.NewReader(r); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		d, err := descriptorEntry(header, tr)
		if err != nil {
			return nil, err
		}
		if d != nil {
			found = append(found, d)
			if layer.Size > wholeLayer {
				return found, nil
			}
		}
	}
}

// descriptorEntry reads the entry if it is an extension's descriptor.
func descriptorEntry(header *tar.Header, r io.Reader) (*extension.Descriptor, error) {
	name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
	parts := strings.Split(name, "/")
	if len(parts) != 5 || parts[0] != "cnb" || parts[1] != "extensions" || parts[4] != extension.DescriptorFile || header.Typeflag != tar.TypeReg {
		return nil, nil
	}
	if header.Size > maxDescriptor {
		return nil, diag.Invalidf("", "%s has %d bytes, more than the limit of %d", name, header.Size, maxDescriptor)
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
		return nil, diag.Invalidf("", "%s describes %s, which does not belong there", name, d.Info)
	}
	return d, nil
}

// decompress reads gzip, zstd and plain layers, whatever the media type claims.
func decompress(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReader(r)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b: // RFC 1952, section 2.3.1
		return gzip.NewReader(buffered)
	case len(magic) == 4 && string(magic) == "\x28\xb5\x2f\xfd": // RFC 8878, section 3.1.1
		zr, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return nil, err
		}
		return zr.IOReadCloser(), nil
	}
	return io.NopCloser(buffered), nil
}
