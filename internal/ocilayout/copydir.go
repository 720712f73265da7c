package ocilayout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// CopyDir writes a layout directory with this index and the blobs that it
// refers to. It replaces an empty directory or another OCI layout at name. It
// returns a [diag.InvalidError] if name is anything else. If it fails, name is
// unchanged. warn, which may be nil, is as with [atomicfile.ReplaceDir].
func CopyDir(ctx context.Context, name string, src content.ReadOnlyStorage, index v1.Index, warn func(string)) error {
	if err := CheckReplaceable(name); err != nil {
		return err
	}
	return atomicfile.ReplaceDir(name, func(dir string) error {
		return oci.Wrap(fill(ctx, dir, src, index), "writing "+name)
	}, warn)
}

func fill(ctx context.Context, dir string, src content.ReadOnlyStorage, index v1.Index) error {
	blobs, err := reachableFrom(ctx, src, index)
	if err != nil {
		return err
	}
	l, err := Create(dir)
	if err != nil {
		return err
	}
	defer l.Close()
	for _, desc := range blobs {
		if err := l.Import(ctx, src, desc); err != nil {
			return err
		}
	}
	return l.WriteIndex(index)
}

// CheckReplaceable returns an error if a directory has files that are not part
// of a layout, which replacing it would delete.
func CheckReplaceable(name string) error {
	for range 10 {
		info, err := os.Stat(filepath.Clean(name)) // of "x/" where x is a file, too
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err = checkReplaceable(name, info); err == nil {
			return nil
		}
		// Another process may replace the layout, and delete the old one while it
		// is read here.
		if now, statErr := os.Stat(name); statErr != nil || os.SameFile(info, now) {
			return err
		}
	}
	return fmt.Errorf("writing %s: it is replaced repeatedly", name)
}

func checkReplaceable(name string, info fs.FileInfo) error {
	if !info.IsDir() {
		return diag.Invalidf("cannot write an OCI layout to %s: it exists and is not a directory", name)
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if len(entries) == 0 {
		return nil
	}
	l, err := OpenDir(name)
	var unread *fs.PathError
	switch {
	case errors.As(err, &unread) && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("writing %s: %w", name, err)
	case err != nil:
		return diag.WithHint(diag.Invalidf("cannot write an OCI layout to %s: the directory is not empty and no OCI layout", name), "name a new or empty directory")
	}
	l.Close()
	for _, entry := range entries {
		switch entry.Name() {
		case v1.ImageLayoutFile, v1.ImageIndexFile, v1.ImageBlobsDir,
			"ingest": // where containerd's store, and so BuildKit, keeps blobs while it writes them
		default:
			return diag.WithHint(diag.Invalidf("cannot replace the OCI layout %s: it also contains %q, which is not part of one", name, entry.Name()), "name a new or empty directory")
		}
	}
	return nil
}
