package bake

import (
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// Target is a bake target and what it builds.
type Target struct {
	Name      string
	Extension *plan.Extension
	// Images are indices into Extension.Images. A bake target builds a platform
	// once, so images for several distros of a platform have separate targets.
	// So do images with a different kind of source, a folder or a Dockerfile.
	Images []int
	// distro reports whether t is for one distro of several of its platform.
	distro bool
	// joined reports whether the files of images come from several sources, see
	// joinSources. linked reports whether t builds the stage of one of them.
	joined, linked bool
}

// Targets returns the bake targets that build the plan, extension by extension.
// It returns a [*diag.InvalidError] for targets with the same name, which bake
// would merge silently, and for platforms that a builder does not support.
func Targets(p *plan.Plan) ([]Target, error) {
	var targets []Target
	var list diag.List
	owners := map[string]*plan.Extension{}
	for _, e := range p.Extensions {
		pos := diag.Position{File: e.Descriptor.File}
		checkPlatforms(&list, pos, e)
		own := extensionTargets(e)
		targets = append(targets, own...)
		for _, name := range names(e, own) {
			// Each target has an output folder, and file systems may ignore
			// case.
			key := strings.ToLower(name)
			switch other, taken := owners[key]; {
			case key == "default":
				list.Errorf(pos, "%s cannot have the bake target %q, which is the group of all", e.Descriptor.Info.ID, name)
			case taken && other == e:
				list.Errorf(pos, "the bake target %q is used for two images of %s", name, e.Descriptor.Info.ID).Hint = "choose one with --target"
			case taken:
				list.Errorf(pos, "the bake target %q of %s is also one of %s",
					name, e.Descriptor.Info.ID, other.Descriptor.Info.ID).Hint = "build them in separate runs"
			}
			owners[key] = e
		}
	}
	return targets, list.Err()
}

// escape is the prefix of targets whose slug is not a valid name.
const escape = "x--"

// baseName returns the name of the extension's main target. It begins with a
// letter, so that it cannot be mistaken for a flag. Different slugs have
// different names.
func baseName(e *plan.Extension) string {
	c := e.Slug[0] | 0x20 // lower case
	if c < 'a' || c > 'z' || strings.HasPrefix(e.Slug, escape) || strings.HasPrefix(e.Slug, MetadataTarget) {
		return escape + e.Slug
	}
	return e.Slug
}

// sameFiles reports whether a target has several platforms with the same files:
// they have the same layer, and only configs differ.
func (t Target) sameFiles() bool {
	return len(t.Images) > 1 && !t.usesStage() && sameSteps(t.Extension.Images, t.Images)
}

// Asked returns the platforms that a builder has to build for an extension. If
// all have the same layer, that is one of them.
func Asked(e *plan.Extension) []v1.Platform {
	var all []v1.Platform
	for _, t := range extensionTargets(e) {
		images := t.Images
		if t.sameFiles() {
			images = images[:1]
		}
		for _, i := range images {
			all = append(all, e.Images[i].Platform)
		}
	}
	return all
}

// platformPart matches the characters that are allowed in stage names of the
// Dockerfile. containerd/platforms, Parse, allows the same.
var platformPart = lazyregexp.New(`^[a-z0-9][a-z0-9._-]*$`)

// checkPlatforms reports platforms whose names are invalid in a Dockerfile, or
// not unique there.
func checkPlatforms(list *diag.List, pos diag.Position, e *plan.Extension) {
	stages := map[string]plan.Image{}
	for _, image := range e.Images {
		if platform.IsZero(image.Platform) {
			continue
		}
		p := image.Platform
		for _, part := range []struct{ what, name string }{{"os", p.OS}, {"arch", p.Architecture}, {"variant", p.Variant}} {
			if !platformPart.Get().MatchString(part.name) && (part.what != "variant" || part.name != "") {
				list.Errorf(pos, "%s: no builder has the %s %q: it may contain only letters, digits and . _ -", image, part.what, part.name)
			}
		}
		key := argSuffix(image)
		if other, taken := stages[key]; taken && !platform.Equal(other.Platform, p) {
			list.Errorf(pos, "%s and %s have the same name in a Dockerfile", other, image).Hint = "choose one with --target"
		}
		stages[key] = image
	}
}

func extensionTargets(e *plan.Extension) []Target {
	shared := Target{Name: baseName(e), Extension: e}
	counts := countPlatforms(e)
	source := mainSource(e, counts)
	var own []Target
	for i, image := range e.Images {
		switch {
		case counts[platform.KeyOf(image.Platform)] > 1:
			own = append(own, Target{Name: distroName(e, image), Extension: e, Images: []int{i}, distro: true})
		case sourceOf(image) != source:
			own = append(own, Target{Name: platformName(e, image), Extension: e, Images: []int{i}})
		default:
			shared.Images = append(shared.Images, i)
		}
	}
	if len(shared.Images) == 0 {
		return own
	}
	return append([]Target{shared}, own...)
}

// sourceOf returns the Dockerfile and stage with the files of an image, or "" for
// folders.
func sourceOf(image plan.Image) string {
	if image.NeedsBuild() && image.Stage != "" {
		return image.Dockerfile + " " + image.Stage
	}
	return image.Dockerfile
}

// mainSource returns the source of most images that can share a target: a
// Dockerfile and stage, or "" for folders. A linked target is built for all platforms of
// the target that links it, so a target cannot have both kinds.
func mainSource(e *plan.Extension, counts map[platform.Key]int) string {
	n := map[string]int{}
	best := ""
	for _, image := range e.Images {
		if counts[platform.KeyOf(image.Platform)] > 1 {
			continue
		}
		source := sourceOf(image)
		n[source]++
		if n[best] < n[source] {
			best = source
		}
	}
	return best
}

// countPlatforms returns the number of images for each platform.
func countPlatforms(e *plan.Extension) map[platform.Key]int {
	n := map[platform.Key]int{}
	for _, image := range e.Images {
		n[platform.KeyOf(image.Platform)]++
	}
	return n
}

// byExtension returns the targets of each extension.
func byExtension(targets []Target) map[*plan.Extension][]Target {
	all := map[*plan.Extension][]Target{}
	for _, t := range targets {
		all[t.Extension] = append(all[t.Extension], t)
	}
	return all
}

// names returns the names that the extension uses in the file, once for each
// use.
func names(e *plan.Extension, targets []Target) []string {
	all := []string{baseName(e), baseName(e) + platformSuffix}
	named := map[platform.Key]bool{}
	for _, t := range targets {
		staged := t.shared() && t.usesStage()
		if staged {
			all = append(all, baseName(e)+buildSuffix, baseName(e)+buildSuffix+platformSuffix)
		}
		for _, i := range t.Images {
			image := e.Images[i]
			key := platform.KeyOf(image.Platform)
			if platform.IsZero(image.Platform) || image.Any || named[key] {
				continue
			}
			named[key] = true
			all = append(all, platformName(e, image))
			if staged {
				all = append(all, platformName(e, image)+buildSuffix)
			}
		}
		if t.shared() {
			continue
		}
		if t.Name != platformName(e, e.Images[t.Images[0]]) {
			all = append(all, t.Name)
		}
		if t.usesStage() {
			all = append(all, t.Name+buildSuffix)
		}
	}
	return all
}

const platformSuffix = "-platform"

// platformName returns the value of matrixName for a platform.
func platformName(e *plan.Extension, image plan.Image) string {
	return baseName(e) + tokenSuffix(image)
}

func tokenSuffix(image plan.Image) string {
	return "-" + strings.NewReplacer("/", "-", ".", "_").Replace(platform.Format(image.Platform))
}

// matrixName is the HCL template that names the targets of a matrix. Few variants have
// a dot, and without it the file is easier to read.
func matrixName(t Target) string { return t.Name + `-${` + platformToken(t, "platform") + `}` }

// platformToken returns the expression of a platform of t in the form that names
// have, for a variable with a platform.
func platformToken(t Target, variable string) string {
	token := `replace(` + variable + `, "/", "-")`
	if strings.Contains(matrix(t), ".") {
		token = `replace(` + token + `, ".", "_")`
	}
	return token
}

// distroName returns the part of a target's name for the distros of an image.
func distroName(e *plan.Extension, image plan.Image) string {
	distro := "any"
	if len(image.Distros) > 0 {
		distro = identifier(image.Distros[0].String())
	}
	return platformName(e, image) + "-" + distro
}

// identifier replaces the characters of text that bake and HCL do not accept in
// names.
func identifier(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}
