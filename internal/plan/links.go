package plan

import (
	"path"
	"path/filepath"
	"slices"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/platform"
)

// keepLinks returns steps equivalent to the given ones below base that preserve
// links. COPY follows a symbolic link that is its argument, and copies two hard
// links as two files, but it preserves links inside a folder. So if there are
// links, base is copied with all other files excluded.
func (p *imagePlanner) keepLinks(base string, steps []content.Step) []content.Step {
	var sources []string
	for _, s := range steps {
		sources = append(sources, s.Source)
	}
	if !p.tree.LosesLinks(sources) {
		return steps
	}
	if i := slices.Index(sources, base); i >= 0 {
		return steps[i : i+1] // copies all of base, including the others
	}
	all := content.Step{Source: base, Dest: ".", Exclude: []string{"**"}, Links: base == platform.RootDir && p.tree.LinksAtRoot()}
	for _, source := range sources {
		name, _ := below(base, source)
		pattern := content.Pattern(name)
		for _, other := range p.tree.Matching(path.Join(base, pattern)) {
			if other != source {
				p.list.Errorf(diag.Position{File: p.dir}, "%q and %q match the same pattern of a bake file, so their links cannot be preserved", source, other).Hint = "rename one of them"
			}
		}
		all.Exclude = append(all.Exclude, "!"+pattern)
	}
	all.Exclude = append(all.Exclude, p.never(base)...)
	return []content.Step{all}
}

// leaveOutSockets excludes sockets from the steps of an image, with a warning.
func (p *imagePlanner) leaveOutSockets(image *Image) {
	for i, s := range image.Steps {
		for _, name := range p.tree.Sockets(s.Source) {
			rel, _ := below(s.Source, name)
			image.Steps[i].Sockets = append(image.Steps[i].Sockets, content.Pattern(rel))
			d := diag.Diagnostic{Position: diag.Position{File: filepath.Join(p.dir, filepath.FromSlash(name))}, Severity: diag.Warning, Message: "is a socket and was left out"}
			if !content.IsNever(rel) {
				p.report(d)
			}
		}
	}
}
