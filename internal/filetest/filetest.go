// Package filetest writes files for tests. The plugin does not link it.
package filetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Dir returns a new directory of a test with files; see [Fill].
func Dir(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	Fill(tb, dir, files)
	return dir
}

// Fill writes files below dir: contents by slash-separated name. A name that
// begins with "*" is that of an executable, and one that ends in "/" is that of a
// folder. "-> x" as content is a symbolic link to x.
func Fill(tb testing.TB, dir string, files map[string]string) {
	tb.Helper()
	for name, content := range files {
		name, program := strings.CutPrefix(name, "*")
		file := filepath.Join(dir, filepath.FromSlash(name))
		target, isLink := strings.CutPrefix(content, "-> ")
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		switch {
		case err != nil:
		case isLink:
			err = os.Symlink(target, file)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(file, 0o755)
		case program:
			err = os.WriteFile(file, []byte(content), 0o755)
		default:
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}
