package bake

import (
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/remote"
)

// RecordDirs returns the directories and URLs of extensions as a file in dir
// records them: relative to dir, and none for dir alone.
func RecordDirs(dir string, names []string) ([]string, error) {
	var recorded []string
	for _, name := range names {
		if remote.IsRemote(name) {
			recorded = append(recorded, name)
			continue
		}
		rel, err := Relative(dir, name)
		if err != nil {
			return nil, err
		}
		rel = filepath.ToSlash(rel)
		if strings.HasPrefix(rel, "-") {
			rel = "./" + rel
		}
		recorded = append(recorded, rel)
	}
	if len(recorded) == 1 && recorded[0] == "." {
		return nil, nil
	}
	return recorded, nil
}

// RecordedDirs is the inverse of [RecordDirs]: it returns the directories and URLs
// that the file at name records.
func RecordedDirs(name string, recorded []string) []string {
	dir := filepath.Dir(name)
	if len(recorded) == 0 {
		return []string{dir}
	}
	var names []string
	for _, r := range recorded {
		if !remote.IsRemote(r) {
			if r = filepath.FromSlash(r); !filepath.IsAbs(r) {
				r = filepath.Join(dir, r)
			}
		}
		names = append(names, r)
	}
	return names
}
