package bake

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/safefile"
)

// maxTogether is the number of extension directories that one step copies. Every
// file of a context is matched against the patterns of all of them, so that the
// time would grow with the square of the number.
const maxTogether = 100

// CopiesDir reports whether CopyDirs supports e: the plan does, and neither a flag
// nor a second node is about a target of the bake file.
func (e *Engine) CopiesDir(x *plan.Extension) bool {
	return x.CopiesDir() && len(e.Options.Set) == 0 && !e.HasNodes(e.Options.Builder)
}

// CopyDirs copies the directories of static extensions into tar files below
// dir, with one COPY instruction and one export for all directories that can
// share a build context. BuildKit's cost is in steps and exports: a target for
// each platform takes four times as long as pack's run.
func (e *Engine) CopyDirs(ctx context.Context, extensions []*plan.Extension, dir string) ([]plan.Copy, error) {
	contexts, err := sharedContexts(extensions)
	if err != nil {
		return nil, err
	}
	work := filepath.Join(dir, "copy")
	if err := os.Mkdir(work, 0o755); err != nil {
		return nil, fmt.Errorf("creating output folder: %w", err)
	}
	file := hcl.New()
	args := append([]string{"bake", "--file", filepath.Join(work, FileName)}, passthrough(e.Options)...)
	args = append(args, "--allow", "fs.read="+work, "--allow", "fs.write="+work)
	var copies []plan.Copy
	var names []string
	for i, c := range contexts {
		name := "files"
		if len(contexts) > 1 {
			name += "-" + strconv.Itoa(i+1)
		}
		dockerfile := filepath.Join(work, name+".Dockerfile")
		if err := c.write(dockerfile); err != nil {
			return nil, err
		}
		tar := filepath.Join(work, name+".tar")
		named, err := nameable(c.dir, filepath.Join(work, name+".context"))
		if err != nil {
			return nil, err
		}
		t := file.Block("target", name)
		t.String("context", named)
		t.String("dockerfile", dockerfile)
		t.Strings("output", []string{"type=tar," + destField(tar)})
		t.Strings("attest", []string{"type=provenance,disabled=true"})
		args = append(args, "--allow", "fs.read="+c.dir)
		names = append(names, name)
		copies = append(copies, plan.Copy{Tar: tar, Folders: c.folders})
	}
	if err := os.WriteFile(filepath.Join(work, FileName), file.Bytes(), 0o644); err != nil {
		return nil, fmt.Errorf("writing bake file: %w", err)
	}
	args = append(append(args, "--"), names...)
	return copies, e.WithTemp(dir).Run(ctx, args, e.Options.run())
}

// nameable returns dir, or a link to it that it creates if an HCL string would
// change the name: it contains Unicode text in normalization form C.
func nameable(dir, link string) (string, error) {
	if utf8.ValidString(dir) && content.CheckName(dir) {
		return dir, nil
	}
	if err := os.Symlink(dir, link); err != nil {
		return "", fmt.Errorf("creating link to %s: %w", dir, err)
	}
	return link, nil
}

// sharedContext is a build context with the directories of extensions.
type sharedContext struct {
	dir string
	// folders are the directories relative to dir, with "/".
	folders map[*plan.Extension]string
}

// sharedContexts groups extensions whose directories may be read through one
// build context.
func sharedContexts(extensions []*plan.Extension) ([]sharedContext, error) {
	work, err := safefile.Real(".")
	if err != nil {
		return nil, fmt.Errorf("resolving working directory: %w", err)
	}
	dirs := map[*plan.Extension]string{}
	groups := map[string][]*plan.Extension{}
	var order []string
	for _, e := range extensions {
		if dirs[e], err = safefile.Real(e.Dir); err != nil {
			return nil, fmt.Errorf("resolving context: %w", err)
		}
		scope := contextScope(work, dirs[e])
		if groups[scope] == nil {
			order = append(order, scope)
		}
		groups[scope] = append(groups[scope], e)
	}
	var all []sharedContext
	for _, scope := range order {
		for group := range slices.Chunk(groups[scope], maxTogether) {
			all = append(all, share(group, dirs)...)
		}
	}
	return all, nil
}

// contextScope returns the directory that a context for an extension in dir may
// extend to, because a builder may read it anyway: the working directory, which
// bake may read by default, or else the repository of the extension.
func contextScope(work, dir string) string {
	if safefile.Within(work, dir) {
		return work
	}
	repository, _ := grants.RepositoryOf(dir)
	return repository
}

// plainPath matches paths that have no special meaning in an ignore file.
var plainPath = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._/-]*$`)

// share returns one context for the extensions, or one for each if their common
// directory is too much to read, or a path is a pattern.
func share(extensions []*plan.Extension, dirs map[*plan.Extension]string) []sharedContext {
	common := dirs[extensions[0]]
	for _, e := range extensions[1:] {
		for !safefile.Within(common, dirs[e]) {
			common = filepath.Dir(common)
		}
	}
	together := sharedContext{dir: common, folders: map[*plan.Extension]string{}}
	var alone []sharedContext
	for _, e := range extensions {
		alone = append(alone, sharedContext{dir: dirs[e], folders: map[*plan.Extension]string{e: "."}})
		rel, err := filepath.Rel(common, dirs[e])
		if err != nil {
			rel = "."
		}
		together.folders[e] = filepath.ToSlash(rel)
	}
	if len(extensions) == 1 || holdsHome(common) || nested(extensions, dirs) {
		return alone
	}
	for _, rel := range together.folders {
		if !plainPath.Get().MatchString(rel) {
			return alone
		}
	}
	return []sharedContext{together}
}

// holdsHome reports whether dir contains the home directory, and with it the
// credentials of the user.
func holdsHome(dir string) bool {
	home, err := os.UserHomeDir()
	if err == nil {
		home, err = safefile.Real(home)
	}
	return err != nil || safefile.Within(dir, home)
}

// nested reports whether one of the directories contains another, whose ignore
// file would then apply to both.
func nested(extensions []*plan.Extension, dirs map[*plan.Extension]string) bool {
	sorted := slices.Clone(extensions)
	slices.SortFunc(sorted, func(a, b *plan.Extension) int {
		return strings.Compare(dirs[a]+string(filepath.Separator), dirs[b]+string(filepath.Separator))
	})
	for i, e := range sorted[1:] {
		if safefile.Within(dirs[sorted[i]], dirs[e]) {
			return true
		}
	}
	return false
}

// write writes the Dockerfile and its ignore file.
func (c sharedContext) write(dockerfile string) error {
	var ignore strings.Builder
	ignore.WriteString("# the directories of extensions, without what they ignore\n")
	folders := map[string]*plan.Extension{}
	var sorted []string
	for e, folder := range c.folders {
		folders[folder] = e
		sorted = append(sorted, folder)
	}
	slices.Sort(sorted)
	if sorted[0] != "." {
		ignore.WriteString("*\n")
		for _, folder := range sorted {
			ignore.WriteString("!/" + folder + "\n")
		}
	}
	for _, folder := range sorted {
		patterns, err := content.IgnorePatterns(folders[folder].Dir)
		if err != nil {
			return err
		}
		for _, p := range patterns {
			if bare := strings.TrimPrefix(p, "!"); bare != "." && !safefile.Leaves(bare) { // they match nothing
				ignore.WriteString(below(folder, p) + "\n")
			}
		}
	}
	for _, p := range content.Never() {
		if strings.HasPrefix(p, "**/") { // others are relative to the folder of a step
			ignore.WriteString(p + "\n")
		}
	}
	if err := os.WriteFile(dockerfile+".dockerignore", []byte(ignore.String()), 0o644); err != nil {
		return fmt.Errorf("writing ignore file: %w", err)
	}
	if err := os.WriteFile(dockerfile, []byte("FROM scratch AS files\nCOPY "+copyFlags+" . /\n"), 0o644); err != nil {
		return fmt.Errorf("writing Dockerfile: %w", err)
	}
	return nil
}

// below returns the pattern of an ignore file in folder for an ignore file above
// it. The "/" keeps a leading "#" from starting a comment.
func below(folder, pattern string) string {
	pattern, negated := strings.CutPrefix(pattern, "!")
	if folder != "." {
		pattern = folder + "/" + pattern
	}
	if negated {
		return "!/" + pattern
	}
	return "/" + pattern
}
