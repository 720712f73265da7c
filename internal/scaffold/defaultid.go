package scaffold

import (
	"path/filepath"
	"regexp"
	"strings"
)

// DefaultID returns an id for a new extension in dir, after the name of the
// directory.
func DefaultID(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	word := regexp.MustCompile(`[^a-z0-9.-]+`).ReplaceAllString(strings.ToLower(filepath.Base(dir)), "-")
	if word = strings.Trim(word, "-."); word == "" {
		word = "my-extension"
	}
	return "my-company/" + word
}
