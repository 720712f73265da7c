package daemon

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
)

// archiveEntry is an image in manifest.json of a docker archive (moby,
// daemon/internal/image/tarexport).
type archiveEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// writeDockerArchive writes an archive of one image that every engine can load:
// manifest.json, the config and the layers, which may be compressed.
func writeDockerArchive(ctx context.Context, w io.Writer, src content.Fetcher, manifest v1.Manifest, names []Name) error {
	entry := archiveEntry{Config: manifest.Config.Digest.Encoded() + ".json"}
	for _, name := range names {
		entry.RepoTags = append(entry.RepoTags, name.String())
	}
	blobs := map[string]v1.Descriptor{entry.Config: manifest.Config}
	order := []string{entry.Config}
	for _, layer := range manifest.Layers {
		name := layer.Digest.Encoded() + ".tar.gz"
		entry.Layers = append(entry.Layers, name)
		if _, there := blobs[name]; !there {
			blobs[name] = layer
			order = append(order, name)
		}
	}
	list, err := json.Marshal([]archiveEntry{entry})
	if err != nil {
		return fmt.Errorf("writing docker archive: %w", err)
	}
	tw := tar.NewWriter(w)
	err = tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "manifest.json", Mode: 0o644, Size: int64(len(list))})
	if err == nil {
		_, err = tw.Write(list)
	}
	for _, name := range order {
		if err == nil {
			err = writeBlob(ctx, tw, name, src, blobs[name])
		}
	}
	if err == nil {
		err = tw.Close()
	}
	if err != nil {
		return fmt.Errorf("writing docker archive: %w", err)
	}
	return nil
}

func writeBlob(ctx context.Context, tw *tar.Writer, name string, src content.Fetcher, desc v1.Descriptor) error {
	rc, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return err
	}
	defer rc.Close()
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: desc.Size}); err != nil {
		return err
	}
	_, err = io.Copy(tw, rc)
	return err
}
