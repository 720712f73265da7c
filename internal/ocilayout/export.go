package ocilayout

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/oci"
)

// WriteTar writes a layout with this index, and the blobs that it refers to, as
// an uncompressed tar. The output is reproducible: oci-layout, index.json, then
// the blobs by name, with zero times, owner 0:0, and modes 0644 and 0755.
//
// Readers of package files use the first image manifest that index lists and do
// not follow nested indexes, so index should list images directly.
func WriteTar(ctx context.Context, w io.Writer, src content.ReadOnlyStorage, index v1.Index) error {
	raw, err := marshalIndex(index)
	if err != nil {
		return err
	}
	blobs, err := reachableFrom(ctx, src, index)
	if err != nil {
		return err
	}
	names := make(map[string]v1.Descriptor, len(blobs))
	dirs := []string{v1.ImageBlobsDir}
	for _, desc := range blobs {
		name, err := blobPath(src, desc)
		if err != nil {
			return err
		}
		names[name] = desc
		dirs = append(dirs, path.Dir(name))
	}

	tw := tar.NewWriter(w)
	if err := writeTarBytes(tw, v1.ImageLayoutFile, layoutFile()); err != nil {
		return err
	}
	if err := writeTarBytes(tw, v1.ImageIndexFile, raw); err != nil {
		return err
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}); err != nil {
			return fmt.Errorf("writing %s: %w", dir, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := writeTarBlob(ctx, tw, name, src, names[name]); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("writing OCI layout: %w", err)
	}
	return nil
}

func writeTarBytes(tw *tar.Writer, name string, data []byte) error {
	err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))})
	if err == nil {
		_, err = tw.Write(data)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func writeTarBlob(ctx context.Context, tw *tar.Writer, name string, src content.ReadOnlyStorage, desc v1.Descriptor) error {
	rc, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return err
	}
	defer rc.Close()
	err = tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: desc.Size})
	if err == nil {
		_, err = io.Copy(tw, rc)
	}
	return oci.Wrap(err, "writing "+name)
}

// reachableFrom returns the blobs that an index, which is not a blob itself,
// refers to.
func reachableFrom(ctx context.Context, src content.ReadOnlyStorage, index v1.Index) ([]v1.Descriptor, error) {
	graph, err := oci.ReadGraph(ctx, src, index.Manifests...)
	if err != nil {
		return nil, err
	}
	return graph.Descriptors(), nil
}

// WriteTarFile writes the tar of [WriteTar] to the file at name; see package
// atomicfile.
func WriteTarFile(ctx context.Context, name string, src content.ReadOnlyStorage, index v1.Index) error {
	f, err := atomicfile.Create(name)
	if err != nil {
		return err
	}
	if err := WriteTar(ctx, f, src, index); err != nil {
		f.Abort()
		return oci.Wrap(err, "writing "+name)
	}
	return f.Commit()
}
