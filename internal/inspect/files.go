package inspect

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
)

// File is an entry of a layer.
type File struct {
	// Path is the path in the layer. A directory ends with a slash.
	Path string `json:"path"`
	// Mode is the type and the permissions, as "ls -l" prints them.
	Mode string `json:"mode"`
	// Size is the size in bytes.
	Size int64 `json:"size"`
	// Link is the target of a symbolic or hard link.
	Link string `json:"link,omitempty"`
}

// ReadFiles sets the files of each platform. It reads every layer once.
func (r *Report) ReadFiles(ctx context.Context, src content.Fetcher) error {
	read := map[digest.Digest][]File{}
	for i, layers := range r.layers {
		files := []File{}
		for _, desc := range layers {
			if !oci.IsLayer(desc.MediaType) {
				continue
			}
			if _, ok := read[desc.Digest]; !ok {
				list, err := listLayer(ctx, src, desc)
				if err != nil {
					return oci.Wrap(err, "reading "+r.Name)
				}
				read[desc.Digest] = list
			}
			files = append(files, read[desc.Digest]...)
		}
		r.Platforms[i].Files = files
	}
	return nil
}

func listLayer(ctx context.Context, src content.Fetcher, desc v1.Descriptor) ([]File, error) {
	rc, err := oci.FetchVerified(ctx, src, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	stored := layer.From(rc)
	files, err := list(stored, oci.BudgetOf(ctx))
	if err == nil {
		// Data after the compressed data is part of the digest.
		_, err = io.Copy(io.Discard, stored)
	}
	switch {
	case stored.Err() != nil:
		return nil, stored.Err()
	case err != nil && !diag.IsInvalid(err):
		return nil, diag.Invalidf("layer %s: %v", desc.Digest, err)
	}
	return files, err
}

func list(stored *layer.Stored, budget *oci.Budget) ([]File, error) {
	plain, err := stored.Expand()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	var files []File
	for tr := tar.NewReader(budget.Reader(plain)); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading entry %d: %w", len(files)+1, err)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := budget.Entry(len(header.Name) + len(header.Linkname)); err != nil {
			return nil, err
		}
		files = append(files, File{
			Path: header.Name, Mode: header.FileInfo().Mode().String(), Size: header.Size, Link: header.Linkname,
		})
	}
}
