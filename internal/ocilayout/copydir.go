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

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// CopyDir writes a layout directory with this index and the blobs it leads to.
// It takes the place of what name holds in one step: nothing, an empty
// directory, or another OCI layout. Anything else is a [diag.InvalidError] and
// stays untouched, as does everything when writing fails.
func CopyDir(ctx context.Context, name string, src content.ReadOnlyStorage, index v1.Index) (err error) {
	target, err := filepath.Abs(name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if resolved, err := filepath.EvalSymlinks(target); err == nil {
		target = resolved // a link stays a link, its target is replaced
	}
	exists, err := checkReplaceable(name, target)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer os.RemoveAll(temp) // what is not renamed away by then is of no use

	fresh := filepath.Join(temp, "new")
	if err := fill(ctx, fresh, src, index); err != nil {
		return oci.Wrap(err, "writing "+name)
	}
	old := filepath.Join(temp, "old")
	if exists {
		if err := os.Rename(target, old); err != nil {
			return fmt.Errorf("replacing %s: %w", name, err)
		}
	}
	if err := os.Rename(fresh, target); err != nil {
		if exists {
			err = errors.Join(err, os.Rename(old, target))
		}
		return fmt.Errorf("writing %s: %w", name, err)
	}
	syncDir(filepath.Dir(target))
	return nil
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

// checkReplaceable reports whether target exists, and refuses what is more than
// a layout: replacing it would delete files nobody asked to delete.
func checkReplaceable(name, target string) (exists bool, err error) {
	info, err := os.Stat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("writing %s: %w", name, err)
	}
	if !info.IsDir() {
		return true, diag.Invalidf("", "cannot write an OCI layout to %s: it exists and is not a directory", name)
	}
	entries, err := os.ReadDir(target)
	if err != nil {
		return true, fmt.Errorf("writing %s: %w", name, err)
	}
	if len(entries) == 0 {
		return true, nil
	}
	l, err := OpenDir(target)
	if err != nil {
		return true, diag.Invalidf("name a new or empty directory", "cannot write an OCI layout to %s: the directory is not empty and no OCI layout", name)
	}
	l.Close()
	for _, entry := range entries {
		switch entry.Name() {
		case v1.ImageLayoutFile, v1.ImageIndexFile, v1.ImageBlobsDir,
			"ingest": // where containerd's store, and so BuildKit, keeps blobs while it writes them
		default:
			return true, diag.Invalidf("name a new or empty directory",
				"cannot replace the OCI layout %s: it also holds %q, which is no part of one", name, entry.Name())
		}
	}
	return true, nil
}
