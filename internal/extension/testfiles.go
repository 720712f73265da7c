package extension

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
)

// DefaultTests is the folder with the test cases of an extension, unless the
// descriptor names another.
const DefaultTests = "tests"

// TestsFolder returns the folder with test cases, relative to the extension root
// and separated by "/", or "" if there are none. All of it, such as applications
// and golden files, is kept out of packages. A folder that the descriptor names
// needs no cases for that.
func TestsFolder(d *Descriptor) (string, error) {
	own := d.Metadata.Extpack.Test.Cases.Value
	if own != "" {
		return own, nil
	}
	files, err := testFiles(d.Dir(), DefaultTests)
	if err != nil || len(files) == 0 {
		return "", err
	}
	return DefaultTests, nil
}

// ReadTests returns the cases in a folder of the extension root dir. folder is
// empty for the one that d names, or the default; d may be nil. It returns a
// [*diag.InvalidError] for files that cannot be used.
func ReadTests(dir, folder string, d *Descriptor) ([]TestCase, error) {
	if d != nil {
		folder = cmp.Or(folder, d.Metadata.Extpack.Test.Cases.Value)
	}
	folder = cmp.Or(folder, DefaultTests)
	files, err := testFiles(dir, folder)
	if err != nil {
		return nil, err
	}
	var all []TestCase
	var list diag.List
	for _, f := range files {
		cases, err := ParseTests(f.name, f.data)
		list = append(list, diag.Of(err)...)
		all = append(all, cases...)
	}
	return all, list.Err()
}

// testFile is a file with test cases. name is its path in messages.
type testFile struct {
	name string
	data []byte
}

// testFiles returns the files of a folder that have test cases: those with a name
// that ends in .toml and a table [[case]]. A folder that does not exist has none.
func testFiles(dir, folder string) ([]testFile, error) {
	root, err := safefile.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	defer root.Close()
	folder = path.Clean(filepath.ToSlash(folder))
	info, err := root.Stat(filepath.FromSlash(folder))
	if err != nil || !info.IsDir() {
		return nil, nil // a link that leads elsewhere has no cases either
	}
	entries, err := fs.ReadDir(root.FS(), folder)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, folder), safefile.Cause(err))
	}
	var files []testFile
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".toml") {
			continue
		}
		name := path.Join(folder, entry.Name())
		data, err := safefile.Read(dir, name, MaxSize)
		switch {
		case errors.Is(err, safefile.ErrNotRegular), errors.Is(err, safefile.ErrOutside), errors.Is(err, safefile.ErrTooLarge), errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, name), safefile.Cause(err))
		}
		if IsTestFile(data) {
			files = append(files, testFile{filepath.Join(dir, filepath.FromSlash(name)), data})
		}
	}
	return files, nil
}
