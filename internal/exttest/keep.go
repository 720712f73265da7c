package exttest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/task"
)

// maxKeepName limits the length of the names of folders.
const maxKeepName = 80

// keepDir returns the folder of a run below the directory to keep runs in.
func (r *runner) keepDir(one *run) string {
	name := func(s string) string {
		s = strings.Trim(strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
				return c
			}
			return '-'
		}, s), ".-")
		return s[:min(len(s), maxKeepName)]
	}
	dir := filepath.Join(name(extension.EscapeID(one.subject.ID)), fmt.Sprintf("%02d-%s", one.caseNumber(), name(one.test.Name)), name(one.Platform))
	return filepath.Join(r.Keep, dir)
}

// caseNumber returns the position of the case among those of its extension,
// which makes names that differ in other characters different.
func (r *run) caseNumber() int {
	for i := range r.subject.Cases {
		if r.test == &r.subject.Cases[i] {
			return i + 1
		}
	}
	return 0
}

// keepImages makes the last job of each image export it.
func (r *runner) keepImages(one *run, jobs []task.Job) {
	if r.Keep == "" {
		return
	}
	for _, k := range []kind{buildKind, runKind} {
		target, _ := one.imageOf(k)
		i := slices.IndexFunc(jobs, func(j task.Job) bool { return target.job != "" && j.Name == target.job })
		if i >= 0 {
			jobs[i].Output, jobs[i].Image = filepath.Join(one.dir, string(k)+"-image.tar"), true
		}
	}
}

// CheckKeep returns an error for a directory that has files already.
func CheckKeep(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", dir, err)
	}
	if len(entries) > 0 {
		return diag.WithHint(diag.Invalidf("--keep %s: the directory is not empty", dir), "name a new or empty directory")
	}
	return nil
}

// keep copies what the runs made: the output of the lifecycle, its layers
// directory with what generate wrote, the application afterwards, and the images
// as OCI layouts in tar files.
func (r *runner) keep(context.Context) error {
	if r.Keep == "" {
		return nil
	}
	for _, one := range r.runs {
		dir := r.keepDir(one)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("writing %s: %w", dir, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "output.txt"), []byte(one.Output), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", dir, err)
		}
		if one.detected == nil {
			continue
		}
		if err := one.keepFiles(dir); err != nil {
			return fmt.Errorf("writing %s: %w", dir, err)
		}
	}
	return nil
}

func (r *run) keepFiles(dir string) error {
	root, err := os.OpenRoot(r.detected.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range []string{"layers", "app"} {
		if err := copyTree(root, name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	from, err := os.OpenRoot(r.dir)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	for _, k := range []kind{buildKind, runKind} {
		err := copyFile(from, to, string(k)+"-image.tar", 0o644)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
