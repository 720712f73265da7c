package exttest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/safefile"
)

// treeFile is a file or a link of a tree.
type treeFile struct {
	exec   bool
	target string
	data   []byte
}

// readTree reads the files below dir by their slash-separated names; a directory
// that does not exist has none.
func readTree(dir string) (map[string]treeFile, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	defer root.Close()
	return readRoot(root)
}

// readTreeBelow is [readTree] for a directory below another one, which no link may
// lead out of.
func readTreeBelow(dir, rel string) (map[string]treeFile, error) {
	outer, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	defer outer.Close()
	root, err := outer.OpenRoot(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, rel), safefile.Cause(err))
	}
	defer root.Close()
	return readRoot(root)
}

func readRoot(root *os.Root) (map[string]treeFile, error) {
	files := map[string]treeFile{}
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := treeFile{exec: info.Mode()&0o111 != 0}
		if d.Type()&fs.ModeSymlink != 0 {
			f.exec = false
			f.target, err = root.Readlink(filepath.FromSlash(name))
		} else {
			f.data, err = readBelow(root, name)
		}
		files[name] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", root.Name(), err)
	}
	return files, nil
}

// maxTreeFile limits the files that are compared.
const maxTreeFile = 64 << 20

func readBelow(root *os.Root, name string) ([]byte, error) {
	f, err := safefile.Open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxTreeFile))
}

// diffTrees returns the differences between two directories, a line each.
func diffTrees(before, after string) ([]string, error) {
	have, err := readTree(before)
	if err != nil {
		return nil, err
	}
	now, err := readTree(after)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, name := range union(have, now) {
		old, was := have[name]
		f, is := now[name]
		switch {
		case !was:
			lines = append(lines, "added "+name)
		case !is:
			lines = append(lines, "removed "+name)
		case !old.equal(f):
			lines = append(lines, "changed "+name)
		}
	}
	return lines, nil
}

// treeDigest returns a digest of the names, modes and contents below dir.
func treeDigest(dir string) (digest.Digest, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", dir, err)
	}
	defer root.Close()
	d := digest.Canonical.Digester()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(d.Hash(), "%q %o %d\n", name, info.Mode(), info.Size())
		switch {
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := root.Readlink(filepath.FromSlash(name))
			fmt.Fprintf(d.Hash(), "%q\n", target)
			return err
		case !entry.Type().IsRegular():
			return nil
		}
		f, err := safefile.Open(root, filepath.FromSlash(name))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(d.Hash(), f)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", dir, err)
	}
	return d.Digest(), nil
}

func union(a, b map[string]treeFile) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

func (f treeFile) equal(o treeFile) bool {
	return f.exec == o.exec && f.target == o.target && string(f.data) == string(o.data)
}
