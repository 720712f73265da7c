package plan

import (
	"path"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// steps returns the steps that copy from the extension directory, without entry
// points and descriptor.
func (p *imagePlanner) steps(image *Image) ([]content.Step, error) {
	var steps []content.Step
	root := image.Root
	if root != platform.RootDir || image.NeedsBuild() {
		for _, s := range p.descriptor.Metadata.Extpack.Shared {
			steps = append(steps, content.Step{Source: s.Value, Dest: s.Value, Exclude: p.never(s.Value)})
		}
		steps = p.keepLinks(platform.RootDir, steps)
	}
	if image.NeedsBuild() {
		return steps, nil
	}
	nested, err := platform.Nested(p.dir, root)
	if err != nil {
		return nil, err
	}
	whole := content.Step{
		Source: root, Dest: ".", Exclude: append(p.never(root), nested...),
		Links: root == platform.RootDir && p.tree.LinksAtRoot(),
	}
	if p.descriptor.Metadata.IncludeFiles != nil {
		return append(steps, p.keepLinks(root, p.includeSteps(whole))...), nil
	}
	return append(steps, whole), nil
}

// never returns the patterns of files below source that never enter a package.
func (p *imagePlanner) never(source string) []string {
	patterns := content.Never()
	if rel, ok := below(source, p.cases); ok && p.cases != "" {
		patterns = append(patterns, content.Pattern(rel))
	}
	return patterns
}

// includeSteps returns a step per include-files entry that exists in the
// platform root. An entry is relative to the platform root or, as in Paketo's
// multi-platform packages, to the extension root. An entry that names the
// platform root, or a parent, includes all of it.
func (p *imagePlanner) includeSteps(whole content.Step) []content.Step {
	var steps []content.Step
	root := whole.Source
	for _, entry := range p.descriptor.Metadata.IncludeFiles {
		if _, in := strings.CutPrefix(root, entry.Value+"/"); in || root == entry.Value {
			p.included[entry.Value] = true
			steps = append(steps, whole)
			continue
		}
		source := path.Join(root, entry.Value)
		if rel, ok := below(root, entry.Value); ok && p.tree.Has(entry.Value) {
			source = path.Join(root, rel)
		}
		if !p.tree.Has(source) || entry.Value == extension.DescriptorFile {
			continue
		}
		dest, _ := below(root, source)
		p.included[entry.Value] = true
		steps = append(steps, content.Step{Source: source, Dest: dest, Exclude: p.never(source)})
	}
	return steps
}
