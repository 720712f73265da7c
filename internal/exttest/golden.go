package exttest

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/extpack/extpack/internal/extension"
)

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
	have, err := r.written()
	if err != nil {
		return err
	}
	if update {
		return r.updateGolden(rel, have)
	}
	want, err := readTreeBelow(r.subject.Dir, rel)
	if err != nil {
		return err
	}
	if diff := diffText(golden.Value, want, have); diff != "" {
		r.fail(golden.Position, diff, "the output of generate differs from the golden files; --update writes them")
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
			A: diffLines(w.data), B: diffLines(h.data), FromFile: from, ToFile: to, Context: 3,
		})
		if err != nil {
			text = name + ": differs\n"
		}
		out.WriteString(text)
	}
	return strings.TrimRight(out.String(), "\n")
}

// diffLines returns lines with their ends, as they are in a diff.
func diffLines(data []byte) []string {
	lines := strings.SplitAfter(string(data), "\n")
	last := len(lines) - 1
	if lines[last] == "" {
		return lines[:last]
	}
	lines[last] += "\n\\ No newline at end of file\n"
	return lines
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
	want, err := readTreeBelow(r.subject.Dir, rel)
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
