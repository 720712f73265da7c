package main

import (
	"context"
	"path/filepath"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/plan"
)

// writeBakeFile writes the file that plain buildx runs for extensions in dirs.
func writeBakeFile(dir string, dirs ...string) error {
	p, _, err := plan.New(context.Background(), dirs, plan.Options{})
	if err != nil {
		return err
	}
	file, err := bake.File(p, dir, bake.FileOptions{})
	if err != nil {
		return err
	}
	return write(filepath.Join(dir, bake.FileName), file, 0o644)
}
