package bake

import (
	"strings"

	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// joinSources returns a single target for each extension that has one for each
// source of files, so that plain buildx publishes all images under one tag. It
// links a target for each image with a build stage: buildx accepts one with a
// single platform, or with all of those of the target that links it (buildx,
// bake/bake.go, loadLinks).
//
// Builders with several nodes cannot build it, because buildx links targets of
// the same node only (build/build.go, validateTargetLinks).
func joinSources(p *plan.Plan, targets []Target) []Target {
	of := byExtension(targets)
	var all []Target
	for _, e := range p.Extensions {
		if len(of[e]) == 1 {
			all = append(all, of[e]...)
			continue
		}
		t := Target{Name: baseName(e), Extension: e, joined: true}
		for i := range e.Images {
			t.Images = append(t.Images, i)
		}
		all = append(all, t)
	}
	return all
}

// stages returns the targets that build the stages of a joined target.
func (t Target) stages() []Target {
	var all []Target
	for _, i := range t.Images {
		if image := t.Extension.Images[i]; image.NeedsBuild() {
			all = append(all, Target{Name: platformName(t.Extension, image), Extension: t.Extension, Images: []int{i}, linked: true})
		}
	}
	return all
}

// linkSuffix returns the end of the name of the context with the built files of
// an image.
func (t Target) linkSuffix(image plan.Image) string {
	if !t.joined {
		return ""
	}
	return tokenSuffix(image)
}

// stageSuffixes returns the ends of the names of the contexts of t.
func (t Target) stageSuffixes() []string {
	if !t.joined {
		return []string{""}
	}
	var all []string
	for _, s := range t.stages() {
		all = append(all, t.linkSuffix(t.Extension.Images[s.Images[0]]))
	}
	return all
}

// links returns the expression of the contexts of a joined target, for the
// expression of a list of platforms.
func (t Target) links(platforms string) string {
	var built []string
	for _, s := range t.stages() {
		built = append(built, `"`+platform.Format(t.Extension.Images[s.Images[0]].Platform)+`"`)
	}
	token := "${" + platformToken(t, "p") + "}"
	return "{\n  for p in " + platforms + " :\n" +
		`  "` + rootContext + "-" + token + `" => "target:` + t.Name + "-" + token + buildSuffix + "\"\n" +
		"  if contains([" + strings.Join(built, ", ") + "], p)\n}"
}

// writeStages writes the targets that build the stages of t. Those from the same
// source differ in their platform.
func (w *fileWriter) writeStages(t Target) error {
	switch {
	case !t.usesStage():
		return nil
	case !t.joined:
		return w.writeStage(t)
	}
	written := map[string]string{} // source → name of its first target
	for _, s := range t.stages() {
		source := sourceOf(t.Extension.Images[s.Images[0]])
		if first, ok := written[source]; ok {
			w.Newline()
			b := w.Block("target", s.Name+buildSuffix)
			b.Strings("inherits", []string{first})
			if err := w.writePlatforms(b, s); err != nil {
				return err
			}
			continue
		}
		written[source] = s.Name + buildSuffix
		if err := w.writeStage(s); err != nil {
			return err
		}
	}
	return nil
}
