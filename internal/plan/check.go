package plan

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// below returns name relative to dir.
func below(dir, name string) (string, bool) {
	if dir == platform.RootDir {
		return name, true
	}
	return strings.CutPrefix(name, dir+"/")
}

func (p *imagePlanner) checkDescriptorFile() {
	if !p.tree.Has(extension.DescriptorFile) {
		p.list.Errorf(diag.Position{File: filepath.Join(p.dir, content.IgnoreFile)},
			"excludes %s, which every package requires", extension.DescriptorFile).Hint = `add the line "!` + extension.DescriptorFile + `"`
	}
}

// checkEntries reports shared entries that do not exist and names that cannot
// be written to a bake file.
func (p *imagePlanner) checkEntries(images []Image) error {
	settings := p.descriptor.Metadata.Extpack
	for _, s := range settings.Shared {
		if !p.tree.Has(s.Value) {
			p.list.Errorf(s.Position, "shared %q does not exist in %s%s", s.Value, p.dir, p.ignored())
		}
	}
	for _, image := range images {
		if !p.tree.Has(image.Root) {
			p.list.Errorf(diag.Position{File: filepath.Join(p.dir, content.IgnoreFile)},
				"excludes %s, which contains the files of %s", image.Root, image)
		}
	}
	for _, n := range slices.Concat(settings.Shared, p.descriptor.Metadata.IncludeFiles) {
		switch {
		case !content.CheckName(n.Value):
			p.list.Errorf(n.Position, notNormal, n.Value).Hint = renameIt
		case p.cases != "" && (n.Value == p.cases || strings.HasPrefix(n.Value, p.cases+"/")):
			p.list.Errorf(n.Position, "%q cannot be packaged: test cases are excluded", n.Value)
		case neverEnters(n.Value, images):
			p.list.Errorf(n.Position, "%q cannot be packaged: version control, packages and generated bake files are excluded", n.Value)
		}
	}
	return p.list.Err()
}

const notNormal = "%q " + decomposed

const renameIt = "rename it"

// neverEnters reports whether an entry, relative to the extension root or to a
// platform root, is always excluded.
func neverEnters(name string, images []Image) bool {
	return content.IsNever(name) || slices.ContainsFunc(images, func(image Image) bool {
		rel, ok := below(image.Root, name)
		return ok && content.IsNever(rel)
	})
}

// checkSteps reports names that COPY or a bake file would change. The names in
// a descriptor have been validated, but targets of symbolic links have not.
func (p *imagePlanner) checkSteps(steps []content.Step) {
	for _, s := range steps {
		d := diag.Diagnostic{Position: diag.Position{File: p.dir}, Hint: renameIt}
		switch {
		case !utf8.ValidString(s.Source):
			d.Message = fmt.Sprintf("the name %q is not valid UTF-8", s.Source)
		case !content.CheckName(s.Source):
			d.Message = fmt.Sprintf(notNormal, s.Source)
		case strings.ContainsAny(s.Source, `*?[]\$"`) || strings.ContainsFunc(s.Source, unicode.IsControl):
			d.Message = fmt.Sprintf("the name %q contains a character that has a special meaning in COPY", s.Source)
		}
		if d.Message != "" && !slices.Contains(*p.list, d) {
			*p.list = append(*p.list, d)
		}
	}
}

func (p *imagePlanner) checkIncluded(images []Image) {
	if slices.ContainsFunc(images, Image.NeedsBuild) {
		return // the content of a stage is not known
	}
	for _, entry := range p.descriptor.Metadata.IncludeFiles {
		if entry.Value != extension.DescriptorFile && !p.included[entry.Value] {
			p.list.Errorf(entry.Position, "include-files %q does not exist in %s%s", entry.Value, p.dir, p.ignored())
		}
	}
}

// ignored adds to a message that .dockerignore may be the reason for a missing
// file.
func (p *imagePlanner) ignored() string {
	if _, err := os.Lstat(filepath.Join(p.dir, content.IgnoreFile)); err == nil {
		return " or is excluded by its " + content.IgnoreFile
	}
	return ""
}

// checkFolders reports folders that were probably meant as platform folders. It
// is an error if a target names that platform, because its image would have the
// files of the extension root instead.
func (p *imagePlanner) checkFolders(images []Image) {
	misnamed := platform.Misnamed(p.dir)
	for _, folder := range slices.Sorted(maps.Keys(misnamed)) {
		isRoot := slices.ContainsFunc(images, func(i Image) bool { return i.Root == folder || strings.HasPrefix(i.Root, folder+"/") })
		if isRoot || !p.tree.Has(folder) || p.isNamed(folder) {
			continue
		}
		meant := misnamed[folder]
		d := diag.Diagnostic{
			Position: diag.Position{File: filepath.Join(p.dir, filepath.FromSlash(folder))}, Severity: diag.Warning,
			Message: fmt.Sprintf("is not a platform folder (did you mean %s?)", platform.Format(meant)),
		}
		if slices.ContainsFunc(images, func(i Image) bool {
			above := i.Root == platform.RootDir || i.Root == meant.OS || strings.HasPrefix(folder, i.Root+"/")
			return !i.Any && above && !i.NeedsBuild() && platform.Equal(i.Platform, meant)
		}) {
			d.Severity = diag.Error
			d.Message = fmt.Sprintf("is not a platform folder, and %s has none (did you mean %[1]s?)", platform.Format(meant))
			d.Hint = "rename the folder, or list it in " + content.IgnoreFile
		}
		*p.list = append(*p.list, d)
	}
}

// isNamed reports whether the descriptor names the folder, or a parent, as
// content.
func (p *imagePlanner) isNamed(folder string) bool {
	metadata := p.descriptor.Metadata
	return slices.ContainsFunc(slices.Concat(metadata.Extpack.Shared, metadata.IncludeFiles), func(e extension.Entry) bool {
		return folder == e.Value || strings.HasPrefix(folder, e.Value+"/")
	})
}

// checkAnnotations reports annotations whose place does not exist.
func (e *Extension) checkAnnotations(list *diag.List, all annotation.List) {
	if e.BuildersPlatform() {
		return // which is not known here
	}
	var built []platform.Identity
	for _, image := range e.Images {
		built = append(built, image.Identity())
	}
	if a := all.Unmatched(built); a != nil {
		list.Errorf(diag.Position{}, "--annotation %q: %s has no image for %s", a, e.Descriptor.Info, a.Image)
	}
	for _, a := range all {
		if e.AnyPlatform() && a.Explicit && a.Place == annotation.Index {
			list.Errorf(diag.Position{}, "--annotation %q: %s becomes one image for any platform, without an index; %s", a, e.Descriptor.Info, NamePlatforms)
		}
	}
}
