package remote

import (
	"context"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/unpack"
)

// Folders are the temporary folders of extracted archives and of fetched sources.
type Folders []*scratch.Dir

// Extract extracts an archive of this machine, and returns the folder.
func (f *Folders) Extract(ctx context.Context, name string) (string, error) {
	root, err := f.New()
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return "", err
	}
	return root, unpack.Archive(ctx, name, root)
}

// ExtractFor returns a function like Extract whose folders sources renames. As in a
// fetched archive, an extension may be in the only folder of the archive.
func (f *Folders) ExtractFor(sources *Sources) func(context.Context, string) (string, error) {
	return func(ctx context.Context, name string) (string, error) {
		dir, err := f.Extract(ctx, name)
		if err != nil {
			return "", err
		}
		sources.Extracted(dir, name)
		root, err := os.OpenRoot(dir)
		if err != nil {
			return "", err
		}
		defer root.Close()
		folder := OnlyFolder(root)
		if folder == "" {
			return dir, nil
		}
		return filepath.Join(dir, folder), unpack.CheckLinks(root, folder)
	}
}

// New returns the path of a folder that does not exist yet.
func (f *Folders) New() (string, error) {
	dir, err := scratch.New()
	if err != nil {
		return "", err
	}
	*f = append(*f, dir)
	return filepath.Join(dir.Path, "extension"), nil
}

// Remove removes the folders.
func (f *Folders) Remove() {
	for _, dir := range *f {
		dir.Remove()
	}
}
