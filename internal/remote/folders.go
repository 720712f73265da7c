package cliplugin

import (
	"context"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/internal/remote"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/unpack"
)

// archives are the temporary folders of extracted archives and of fetched
// sources.
type archives []*scratch.Dir

func (a *archives) unpack(ctx context.Context, name string) (string, error) {
	root, err := a.newFolder()
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return "", err
	}
	return root, unpack.Archive(ctx, name, root)
}

// unpackFor returns an unpack function whose folders sources renames. As in a
// fetched archive, an extension may be in the only folder of the archive.
func (a *archives) unpackFor(sources *remote.Sources) func(context.Context, string) (string, error) {
	return func(ctx context.Context, name string) (string, error) {
		dir, err := a.unpack(ctx, name)
		if err != nil {
			return "", err
		}
		sources.Extracted(dir, name)
		root, err := os.OpenRoot(dir)
		if err != nil {
			return "", err
		}
		defer root.Close()
		folder := remote.OnlyFolder(root)
		if folder == "" {
			return dir, nil
		}
		return filepath.Join(dir, folder), unpack.CheckLinks(root, folder)
	}
}

// newFolder returns the path of a folder that does not exist yet.
func (a *archives) newFolder() (string, error) {
	dir, err := scratch.New()
	if err != nil {
		return "", err
	}
	*a = append(*a, dir)
	return filepath.Join(dir.Path, "extension"), nil
}

func (a *archives) remove() {
	for _, dir := range *a {
		dir.Remove()
	}
}
