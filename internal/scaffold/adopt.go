package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/safefile"
)

// Addition is a file that was added to an existing extension, or was not, and why.
type Addition struct {
	Path  string
	Added bool
	Why   string
}

// Exists reports whether dir has an extension already.
func Exists(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, extension.DescriptorFile))
	return err == nil
}

// reasons say what each file that may be added is for.
var reasons = map[string]string{
	".dockerignore":                 "excludes the added files from the package",
	"Makefile":                      "runs docker extpack lint, build and bake --check",
	".github/workflows/extpack.yml": "runs the same for every change",
}

// Adopt adds to an existing extension what it lacks to be built with docker
// extpack. What would change its package is not added. The notes say what of
// other tools docker extpack does not do itself.
func Adopt(ctx context.Context, dir string) ([]Addition, []string, error) {
	text, err := safefile.Read(dir, extension.DescriptorFile, extension.MaxSize)
	if errors.Is(err, fs.ErrNotExist) { // a link to nowhere
		return nil, nil, diag.Invalidf("%v", err)
	}
	if err != nil {
		return nil, nil, err
	}
	notes := notesOf(dir, string(text))
	before, err := packed(ctx, dir)
	if err != nil {
		return nil, notes, err
	}
	files, err := Request{Lang: "sh"}.adopted(dir)
	if err != nil {
		return nil, notes, err
	}
	var out []Addition
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if _, err := os.Lstat(name); err == nil {
			out = append(out, Addition{f.Path, false, "it exists"})
			continue
		}
		if err := Write(dir, []File{f}, false); err != nil {
			return out, notes, err
		}
		after, err := packed(ctx, dir)
		if err == nil && equal(before, after) {
			out = append(out, Addition{f.Path, true, reasons[f.Path]})
			continue
		}
		if removeErr := remove(dir, f.Path); removeErr != nil || err != nil {
			return out, notes, errors.Join(err, removeErr)
		}
		out = append(out, Addition{f.Path, false, fmt.Sprintf("it would become part of the package; first add the line %q to .dockerignore", f.Path)})
	}
	return out, notes, nil
}

// adopted returns the files that may be added, the one first that keeps the
// others out of the package.
func (r Request) adopted(dir string) ([]File, error) {
	common, err := r.render("common")
	if err != nil {
		return nil, err
	}
	byPath := map[string]File{}
	for _, f := range common {
		byPath[f.Path] = f
	}
	ignore := byPath[".dockerignore"]
	var lines []string
	for _, line := range []string{".dockerignore", ".github/workflows/extpack.yml", "Makefile"} {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(line))); errors.Is(err, fs.ErrNotExist) {
			lines = append(lines, line)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, ".github")); errors.Is(err, fs.ErrNotExist) {
		lines = append(lines, ".github")
	}
	ignore.Data = []byte("# Added for docker extpack; not part of the package.\n" + strings.Join(lines, "\n") + "\n")
	makefile := byPath["Makefile"]
	makefile.Data = []byte(strings.NewReplacer(
		" test build", " build", "\ntest: ## run the cases in tests/\n\tdocker extpack test --builder-image $(BUILDER_IMAGE)\n", "",
		"\n# The builder image that the cases in tests/ run in.\nBUILDER_IMAGE ?= paketobuildpacks/ubuntu-noble-builder\n", "",
	).Replace(string(makefile.Data)))
	workflow := byPath[".github/workflows/extpack.yml"]
	workflow.Data = []byte(strings.NewReplacer("      - run: make test\n", "", "      - run: docker extpack bake --check\n", "").Replace(string(workflow.Data)))
	return []File{ignore, makefile, workflow}, nil
}

// templated is a version that a release script replaces.
var templated = lazyregexp.New(`(?m)^\s*version\s*=\s*"[^"]*\{\{`)

// notesOf says what in the files of pack and jam is left to other commands.
func notesOf(dir, text string) []string {
	var notes []string
	if templated.Get().MatchString(text) {
		notes = append(notes, "the version is a placeholder that a release script replaces: set it with docker extpack build --version X.Y.Z")
	}
	if _, err := os.Lstat(filepath.Join(dir, extension.PackageFile)); err == nil {
		notes = append(notes, "package.toml is read: its [[targets]] replace those of extension.toml")
	}
	if strings.Contains(text, "include-files") {
		notes = append(notes, "metadata.include-files is respected: other files are not packaged")
	}
	if strings.Contains(text, "pre-package") {
		notes = append(notes, "metadata.pre-package is not run: run it before docker extpack build, or compile in a build stage ([metadata.extpack.build])")
	}
	return notes
}

// packed returns the files of each image of the package. A version that is
// missing or a placeholder has no part in it.
func packed(ctx context.Context, dir string) ([]content.Files, error) {
	p, _, err := plan.New(ctx, []string{dir}, plan.Options{Version: "0.0.1"})
	if err != nil {
		if diag.IsInvalid(err) {
			return unplanned(ctx, dir)
		}
		return nil, err
	}
	var out []content.Files
	for _, image := range p.Extensions[0].Images {
		out = append(out, image.Files)
	}
	return out, nil
}

// unplanned is packed for an extension that cannot be built yet, whose programs
// another tool compiles: everything that may enter counts.
func unplanned(ctx context.Context, dir string) ([]content.Files, error) {
	tree, err := content.Read(ctx, dir)
	if err != nil {
		return nil, err
	}
	files, err := tree.Apply([]content.Step{{Source: ".", Dest: ".", Exclude: content.Never()}})
	return []content.Files{files}, err
}

func equal(a, b []content.Files) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if len(a[i]) != len(b[i]) {
			return false
		}
		for name, f := range a[i] {
			g, ok := b[i][name]
			if !ok || f.Source != g.Source || f.Mode != g.Mode || !f.Mode.IsDir() && f.Size != g.Size || f.Target() != g.Target() {
				return false
			}
		}
	}
	return true
}

// remove removes a file that was just added, and the folders that were made for
// it.
func remove(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
		return err
	}
	for parent := filepath.Dir(filepath.FromSlash(name)); parent != "."; parent = filepath.Dir(parent) {
		if os.Remove(filepath.Join(dir, parent)) != nil {
			return nil // it is not empty, so it was there before
		}
	}
	return nil
}
