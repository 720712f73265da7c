package cliplugin

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/edit"
	"github.com/extpack/extpack/internal/registry"
)

// parseOutputs returns where the flags --tag and --output send an index.
func parseOutputs(tags, outputs []string) (edit.Outputs, error) {
	var outs edit.Outputs
	for _, name := range tags {
		tag, err := registry.ParseTag(name)
		if err != nil {
			return outs, err
		}
		outs.Tags = append(outs.Tags, tag)
	}
	seen := map[string]bool{}
	for _, name := range outputs {
		if seen[filepath.Clean(name)] {
			return outs, diag.Invalidf("--output %s is given twice", name)
		}
		seen[filepath.Clean(name)] = true
		if err := addOutput(&outs, name); err != nil {
			return outs, err
		}
	}
	return outs, nil
}

// addOutput tells a package file by its ending and a layout directory by its
// slash, or by being one already, as build does.
func addOutput(to *edit.Outputs, name string) error {
	info, err := os.Stat(name)
	isDir := err == nil && info.IsDir()
	switch {
	case strings.HasSuffix(name, ".cnb") && !isDir:
		to.Files = append(to.Files, name)
		return checkFileName("--output", name)
	case isDir || strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(filepath.Separator)):
		to.Dirs = append(to.Dirs, name)
		if err := checkFolder("--output", name); err != nil {
			return err
		}
		return checkReplaceable(name)
	}
	return diag.WithHint(diag.Invalidf(`--output %q is neither a package file ("FILE.cnb") nor an OCI layout directory ("DIR/")`, name), `end its name with ".cnb" for a file or "/" for a directory`)
}
