package remote

import (
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// TestRename: no message names a temporary folder.
func TestRename(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "extension")
	repository, err := Parse("https://code.example/x.git#main")
	if err != nil {
		t.Fatal(err)
	}
	local, fetched := &Sources{}, &Sources{all: []*Fetched{{Root: root, Dir: root, source: repository}}}
	local.Extracted(root, "x.tgz")
	for name, tc := range map[string]struct {
		sources    *Sources
		file, hint string
	}{
		"repository": {fetched, "https://code.example/x.git#main/extension.toml", "name it: https://code.example/x.git#main:a https://code.example/x.git#main:b/c"},
		"archive":    {local, "x.tgz/extension.toml", "extract it, and name the directory"},
	} {
		list := diag.List{{
			Position: diag.Position{File: root + "/extension.toml"},
			Hint:     "name it: " + filepath.Join(root, "a") + " " + filepath.Join(root, "b", "c"),
		}}
		tc.sources.Rename(list)
		if list[0].File != tc.file || list[0].Hint != tc.hint {
			t.Errorf("%s: %q, hint %q", name, list[0].File, list[0].Hint)
		}
	}
}
