package plan

import (
	"path"
	"path/filepath"
	"slices"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/platform"
)

// keepLinks returns steps that copy what the given steps copy from below base,
// so that links stay links. COPY follows a link that it is given by name, and
// makes two files of two hard links; those that it finds in a folder stay what
// they are. So where there are any, base is copied with all else excluded.
func (p *imagePlanner) keepLinks(base string, steps []content.Step) []content.Step {
	var sources []string
	for _, s := range steps {
		sources = append(sources, s.Source)
	}
	if !p.tree.LosesLinks(sources) {
		return steps
	}
	if i := slices.Index(sources, base); i >= 0 {
		return steps[i : i+1] // the whole of it, in which the others are
	}
	all := content.Step{Source: base, Dest: ".", Exclude: []string{"**"}, Links: base == platform.RootDir && p.tree.LinksAtRoot()}
	for _, source := range sources {
		name, _ := below(base, source)
		pattern := content.Pattern(name)
		for _, other := range p.tree.Matching(path.Join(base, pattern)) {
			if other != source {
				p.list.Errorf(diag.Position{File: p.dir}, "%q cannot be told from %q in a bake file, and has to be for links to stay links", source, other).Hint = "rename one of them"
			}
		}
		all.Exclude = append(all.Exclude, "!"+pattern)
	}
	all.Exclude = append(all.Exclude, content.Never()...)
	return []content.Step{all}
}

// leaveOutSockets has the steps of an image leave out sockets, with a warning.
func (p *imagePlanner) leaveOutSockets(image *Image) {
	for i, s := range image.Steps {
		for _, name := range p.tree.Sockets(s.Source) {
			rel, _ := below(s.Source, name)
			image.Steps[i].Sockets = append(image.Steps[i].Sockets, content.Pattern(rel))
			d := diag.Diagnostic{Position: diag.Position{File: filepath.Join(p.dir, filepath.FromSlash(name))}, Severity: diag.Warning, Message: "is a socket, which is left out"}
			if !content.IsNever(rel) {
				p.report(d)
			}
		}
	}
}
