package content

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/tonistiigi/fsutil"

	"github.com/extpack/extpack/internal/diag"
)

// maxMatching bounds the work of matching paths with patterns, in characters of
// paths times wildcards of patterns. That many take some six seconds.
const maxMatching = 200_000_000

// walk calls fn for the files of dir that patterns do not exclude. It returns a
// [*diag.InvalidError] when matching would take more than limit,
// which is counted as [maxMatching] is.
func walk(ctx context.Context, dir string, patterns []string, limit int, fn fs.WalkDirFunc) error {
	files, err := fsutil.NewFS(dir)
	if err != nil {
		return err
	}
	counted := &countingFS{FS: files, name: filepath.Join(dir, IgnoreFile), left: limit}
	for _, p := range patterns {
		counted.wildcards += strings.Count(strings.ReplaceAll(p, "**", "*"), "*") + strings.Count(p, "[")
	}
	filtered, err := fsutil.NewFilterFS(counted, &fsutil.FilterOpt{ExcludePatterns: patterns})
	if err != nil {
		return err
	}
	return filtered.Walk(ctx, "/", fn)
}

// countingFS counts the work for each file before it is matched, since excluded
// files cost as much as others.
type countingFS struct {
	fsutil.FS
	name            string
	wildcards, left int
}

func (c *countingFS) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	return c.FS.Walk(ctx, target, func(path string, entry fs.DirEntry, err error) error {
		if c.left -= len(path) * c.wildcards; c.left < 0 {
			return diag.WithHint(diag.Invalidf("%s: matching its %d wildcards with every file takes too long", c.name, c.wildcards), "use fewer wildcards, or exclude whole folders by their name")
		}
		return fn(path, entry, err)
	})
}
