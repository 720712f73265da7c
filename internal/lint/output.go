package lint

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
)

// OutputDir checks the files that bin/generate wrote to dir, by the rules for
// an extension of the api. A directory that does not exist has no files.
func OutputDir(api, dir string) (diag.List, error) {
	root, err := safefile.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	files, err := filesIn(dir)
	if err != nil {
		return nil, err
	}
	return Output(Image{
		API: api, Files: files,
		Read: func(f *content.File, limit int64) ([]byte, error) {
			file, err := root.Open(f.Source)
			if err != nil {
				return nil, err
			}
			defer file.Close()
			return io.ReadAll(io.LimitReader(file, limit))
		},
	})
}

// filesIn lists the files below dir by their slash-separated names.
func filesIn(dir string) (content.Files, error) {
	files := content.Files{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f := &content.File{Path: rel, Source: rel, Mode: info.Mode(), Size: info.Size()}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			f.SetTarget(target)
		}
		files[rel] = f
		return nil
	})
	return files, err
}
