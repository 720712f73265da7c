package safefile

import (
	"fmt"
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

// Below returns the path of name below dir, if it is there.
func Below(dir, name string) (rel string, inside bool, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", false, fmt.Errorf("resolving %s: %w", dir, err)
	}
	if name, err = filepath.Abs(name); err != nil {
		return "", false, fmt.Errorf("resolving %s: %w", name, err)
	}
	if rel, err = filepath.Rel(dir, name); err != nil {
		return "", false, nil // on another volume
	}
	return rel, filepath.IsLocal(rel), nil
}

// Leaves reports whether a clean slash-separated path points outside the folder
// that it is relative to.
func Leaves(path string) bool { return path == ".." || strings.HasPrefix(path, "../") }
