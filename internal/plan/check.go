package plan

import (
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// below gives name relative to dir.
func below(dir, name string) (string, bool) {
	if dir == platform.RootDir {
		return name, true
	}
	return strings.CutPrefix(name, dir+"/")
}

func (p *imagePlanner) checkDescriptorFile() {
	if !p.tree.Has(extension.DescriptorFile) {
		p.list.Errorf(diag.Position{File: filepath.Join(p.dir, content.IgnoreFile)},
			"excludes %s, which every package needs; add the line \"!%[1]s\"", extension.DescriptorFile)
	}
}

// checkEntries reports shared entries that are not there and names that cannot
// be written to a bake file.
func (p *imagePlanner) checkEntries(images []Image) error {
	settings := p.descriptor.Metadata.Extpack
	for _, s := range settings.Shared {
		if !p.tree.Has(s.Value) {
			p.list.Errorf(s.Position, "shared %q does not exist in %s%s", s.Value, p.dir, p.ignored())
		}
	}
	names := append(append([]extension.Entry{}, settings.Shared...), p.descriptor.Metadata.IncludeFiles...)
	for _, image := range images {
		names = append(names, extension.Entry{Value: image.Root})
	}
	for _, n := range names {
		if !content.CheckName(n.Value) {
			p.list.Errorf(n.Position, "%q is not in Unicode normalisation form C, in which bake files are read; rename it", n.Value)
		}
	}
	return p.list.Err()
}

func (p *imagePlanner) checkIncluded() {
	for _, entry := range p.descriptor.Metadata.IncludeFiles {
		if entry.Value != extension.DescriptorFile && !p.included[entry.Value] {
			p.list.Errorf(entry.Position, "include-files %q does not exist in %s%s", entry.Value, p.dir, p.ignored())
		}
	}
}

// ignored adds to a message what else may be the reason for a missing file.
func (p *imagePlanner) ignored() string {
	if p.tree.Has(content.IgnoreFile) {
		return " or is excluded by its " + content.IgnoreFile
	}
	return ""
}

// checkEntryPoints warns of an image whose extension does nothing.
func (p *imagePlanner) checkEntryPoints(image *Image, files map[string]content.File) {
	for _, name := range []string{"bin/detect", "bin/generate", "detect", "generate"} {
		if _, ok := files[name]; ok {
			return
		}
	}
	p.list.Warnf(diag.Position{File: filepath.Join(p.dir, filepath.FromSlash(image.Root))},
		"%s has no bin/detect, bin/generate, detect or generate, so it does nothing", image)
}
