package cliplugin

import (
	"context"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/unpack"
)

// archives are the temporary folders of extracted archives.
type archives []*scratch.Dir

func (a *archives) unpack(ctx context.Context, name string) (string, error) {
	dir, err := scratch.New()
	if err != nil {
		return "", err
	}
	*a = append(*a, dir)
	root := filepath.Join(dir.Path, "extension")
	if err := os.Mkdir(root, 0o755); err != nil {
		return "", err
	}
	return root, unpack.Archive(ctx, name, root)
}

func (a *archives) remove() {
	for _, dir := range *a {
		dir.Remove()
	}
}
