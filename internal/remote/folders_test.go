package remote

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/layertest"
)

// TestFolders: an extension may be in the only folder of an archive, its
// diagnostics name the archive, and nothing is left.
func TestFolders(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]layertest.Entry{
		"extension.toml":      {layertest.File("extension.toml", "api =", 0o644), layertest.File("bin/generate", "", 0o755)},
		"curl/extension.toml": {layertest.File("curl/extension.toml", "api =", 0o644)},
	} {
		archive := filepath.Join(t.TempDir(), "x.tar")
		if err := os.WriteFile(archive, layertest.Tar(t, entries...), 0o644); err != nil {
			t.Fatal(err)
		}
		var folders Folders
		sources := &Sources{Folder: folders.New}
		dir, err := folders.ExtractFor(sources)(t.Context(), archive)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "extension.toml")
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		list := diag.List{{Position: diag.Position{File: file}}}
		if sources.Rename(list); !strings.HasPrefix(list[0].File, archive) || !strings.HasSuffix(list[0].File, filepath.FromSlash(name)) {
			t.Errorf("%s: the diagnostic is about %s", name, list[0].File)
		}
		if folders.Remove(); exists(dir) {
			t.Errorf("%s was left", dir)
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, os.ErrNotExist)
}
