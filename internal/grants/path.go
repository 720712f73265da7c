package grants

import (
	"os"
	"path/filepath"
	"strings"
)

// Within reports whether path is root or below it. Both must be clean.
func Within(root, path string) bool {
	return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, string(filepath.Separator))+string(filepath.Separator))
}

// Real returns the absolute path without symbolic links. The file itself may
// not exist if its folder does.
func Real(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if os.IsNotExist(err) && filepath.Dir(path) != path {
		parent, parentErr := Real(filepath.Dir(path))
		return filepath.Join(parent, filepath.Base(path)), parentErr
	}
	return resolved, err
}
