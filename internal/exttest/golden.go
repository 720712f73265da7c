package exttest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/pmezard/go-difflib/difflib"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
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
	files := map[string]treeFile{}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
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
		return nil, fmt.Errorf("reading %s: %w", dir, err)
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

// written returns the files that generate wrote, by their names in its output
// folder.
func (r *run) written() (map[string]treeFile, error) {
	layers := filepath.Join(r.detected.dir, "layers")
	if r.apiMinor() >= 13 {
		return readTree(filepath.Join(layers, "generated", extension.EscapeID(r.subject.ID)))
	}
	files := map[string]treeFile{}
	for _, k := range []kind{buildKind, runKind} {
		dir, _ := r.generatedFiles(r.subject.ID, k)
		found, err := readTree(filepath.Join(layers, filepath.FromSlash(dir)))
		if err != nil {
			return nil, err
		}
		for name, f := range found {
			if rest, ok := strings.CutPrefix(name, "Dockerfile"); ok {
				name = string(k) + ".Dockerfile" + rest
			}
			files[name] = f
		}
	}
	return files, nil
}

// checkGolden compares what generate wrote with the golden files of the case, or
// writes them.
func (r *run) checkGolden(update bool) error {
	golden := r.test.Golden
	if golden.Value == "" {
		return nil
	}
	rel, err := r.subject.below(r.test, golden)
	if err != nil {
		return err
	}
	if rel == "." {
		var list diag.List
		list.Errorf(golden.Position, "golden is the directory of the extension itself")
		return list.Err()
	}
	have, err := r.written()
	if err != nil {
		return err
	}
	if update {
		return r.updateGolden(rel, have)
	}
	want, err := readTree(filepath.Join(r.subject.Dir, rel))
	if err != nil {
		return err
	}
	if diff := diffText(golden.Value, want, have); diff != "" {
		r.fail(golden.Position, diff, "what generate wrote differs from the golden files; --update writes them")
	}
	return nil
}

func diffText(dir string, want, have map[string]treeFile) string {
	var out strings.Builder
	for _, name := range union(want, have) {
		w, was := want[name]
		h, is := have[name]
		if was && is && w.equal(h) {
			continue
		}
		switch {
		case was && is && string(w.data) == string(h.data) && w.target == h.target:
			fmt.Fprintf(&out, "%s: the executable bit differs\n", name)
			continue
		case w.target != h.target:
			fmt.Fprintf(&out, "%s: a link to %q, want %q\n", name, h.target, w.target)
			continue
		}
		from, to := path.Join(dir, name), "generate/"+name
		if !was {
			from = "/dev/null"
		}
		if !is {
			to = "/dev/null"
		}
		text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
			A: difflib.SplitLines(string(w.data)), B: difflib.SplitLines(string(h.data)), FromFile: from, ToFile: to, Context: 3,
		})
		if err != nil {
			text = name + ": differs\n"
		}
		out.WriteString(text)
	}
	return strings.TrimRight(out.String(), "\n")
}

// updateGolden replaces the golden files. It removes those that generate no
// longer writes.
func (r *run) updateGolden(rel string, have map[string]treeFile) error {
	root, err := os.OpenRoot(r.subject.Dir)
	if err != nil {
		return fmt.Errorf("writing golden files: %w", err)
	}
	defer root.Close()
	if err := root.MkdirAll(rel, 0o755); err != nil {
		return fmt.Errorf("writing golden files: %w", err)
	}
	dir, err := root.OpenRoot(rel)
	if err != nil {
		return fmt.Errorf("writing golden files: %w", err)
	}
	defer dir.Close()
	want, err := readTree(filepath.Join(r.subject.Dir, rel))
	if err != nil {
		return err
	}
	for _, name := range union(want, have) {
		w, was := want[name]
		h, is := have[name]
		if was && is && w.equal(h) {
			continue
		}
		r.Updated = append(r.Updated, filepath.Join(r.subject.Dir, rel, filepath.FromSlash(name)))
		local := filepath.FromSlash(name)
		if was {
			if err := dir.Remove(local); err != nil {
				return fmt.Errorf("writing golden files: %w", err)
			}
		}
		if is {
			if err := writeTreeFile(dir, local, h); err != nil {
				return fmt.Errorf("writing golden files: %w", err)
			}
		}
	}
	return nil
}

func writeTreeFile(dir *os.Root, name string, f treeFile) error {
	if err := dir.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if f.target != "" {
		return dir.Symlink(f.target, name)
	}
	mode := fs.FileMode(0o644)
	if f.exec {
		mode = 0o755
	}
	return dir.WriteFile(name, f.data, mode)
}
