package daemon

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/moby/moby/client"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

// Source is the part of the Docker Engine's API client that images are read with.
type Source interface {
	ImageInspect(ctx context.Context, image string, options ...client.ImageInspectOption) (client.ImageInspectResult, error)
	ImageSave(ctx context.Context, images []string, options ...client.ImageSaveOption) (client.ImageSaveResult, error)
}

// Image is an image of an engine.
type Image struct {
	name string
	// ID identifies the content.
	ID string
	// Platform is the platform that the engine has the image for.
	Platform v1.Platform
	// Size is that of all layers, in bytes.
	Size int64
}

// Find returns the image of an engine with a name. ok is false if it has none, or
// if no engine responds.
func Find(ctx context.Context, api Source, name string) (image Image, ok bool) {
	got, err := api.ImageInspect(ctx, name)
	if err != nil {
		return Image{}, false
	}
	return Image{
		name: name, ID: got.ID, Size: got.Size,
		Platform: v1.Platform{OS: got.Os, Architecture: got.Architecture, Variant: got.Variant},
	}, true
}

// Save writes the image into a new OCI layout in the directory dir, for the
// platform that the engine has it for.
func (i Image) Save(ctx context.Context, api Source, dir string) error {
	saved, err := api.ImageSave(ctx, []string{i.name}, client.ImageSaveWithPlatforms(i.Platform))
	if err != nil { // engines before 28 do not know platforms, and have one
		saved, err = api.ImageSave(ctx, []string{i.name})
	}
	if err != nil {
		return fmt.Errorf("reading %s from the Docker Engine: %w", i.name, err)
	}
	defer saved.Close()
	layout, err := ocilayout.Create(dir)
	if err != nil {
		return err
	}
	defer layout.Close()
	if err := unpack(ctx, saved, layout); err != nil {
		return fmt.Errorf("reading %s from the Docker Engine: %w", i.name, err)
	}
	return nil
}

// unpack writes the OCI layout in a tar stream. The other files that engines
// write there are not needed.
func unpack(ctx context.Context, r io.Reader, layout *ocilayout.Layout) error {
	var index *v1.Index
	for tr := tar.NewReader(r); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := path.Clean(header.Name)
		switch {
		case header.Typeflag != tar.TypeReg:
		case strings.HasPrefix(name, v1.ImageBlobsDir+"/"):
			// The blob is named by its content, so a wrong one is not found.
			if _, err := layout.Put(ctx, "", tr); err != nil {
				return err
			}
		case name == v1.ImageIndexFile:
			data, err := io.ReadAll(io.LimitReader(tr, oci.MaxManifestSize))
			if err != nil {
				return err
			}
			index = &v1.Index{}
			if err := json.Unmarshal(data, index); err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
		}
	}
	if index == nil {
		return diag.WithHint(diag.Invalidf("the engine is older than Docker 25, which writes no OCI layout"), "update Docker, or push the image to a registry")
	}
	return layout.WriteIndex(*index)
}
