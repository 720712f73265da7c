package plan

import (
	"context"
	"reflect"
	"slices"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// imagePlanner plans the images of an extension and their files.
type imagePlanner struct {
	dir        string
	descriptor *extension.Descriptor
	list       *diag.List
	defaults   []extension.Target // without other targets
	tree       *content.Tree
	included   map[string]bool // include-files entries some image has
	stages     *buildPlanner   // nil without a build table
	used       map[string]bool // Dockerfiles some image has
	reported   map[diag.Diagnostic]bool
	copied     map[int][]content.Step // of each image, without entry points and descriptor
	cases      string                 // folder with test cases, relative to the extension root, or ""
}

// report adds a diagnostic once, although several images may have it.
func (p *imagePlanner) report(d diag.Diagnostic) {
	if p.reported == nil {
		p.reported = map[diag.Diagnostic]bool{}
	}
	if !p.reported[d] {
		p.reported[d] = true
		*p.list = append(*p.list, d)
	}
}

func (p *imagePlanner) plan(ctx context.Context, pkg *extension.Package, flags []extension.Target) ([]Image, error) {
	tree, err := content.Read(ctx, p.dir)
	if err != nil {
		return nil, err
	}
	p.tree, p.included, p.used = tree, map[string]bool{}, map[string]bool{}
	if p.cases, err = extension.TestsFolder(p.descriptor); err != nil {
		return nil, err
	}
	targets, err := selectTargets(p.dir, p.descriptor, pkg, flags, p.defaults)
	if err != nil {
		return nil, err
	}
	checkUnique(p.list, targets)
	images, err := p.images(targets)
	if err != nil {
		return nil, err
	}
	p.checkDescriptorFile()
	if err := p.checkEntries(images); err != nil {
		return nil, err
	}
	for i := range images {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if err := p.fill(&images[i], images[:i]); err != nil {
			return nil, err
		}
	}
	p.checkIncluded(images)
	if len(targets) == 0 && p.list.Err() == nil {
		return images, p.choosePlatform(&images[0])
	}
	return images, nil
}

// images returns one image per target, or one per distro of a target whose
// distros have different platform roots.
func (p *imagePlanner) images(targets []extension.Target) ([]Image, error) {
	if len(targets) == 0 {
		images := []Image{{Root: platform.RootDir}}
		return images, p.stage(images)
	}
	var images []Image
	for _, t := range targets {
		distros := distrosOf(t)
		roots, err := p.roots(t, distros)
		switch {
		case diag.IsInvalid(err):
			*p.list = append(*p.list, diag.Of(err)...)
		case err != nil:
			return nil, err
		default:
			own := split(t, distros, roots)
			if t.Path == "" {
				err = p.stage(own)
			}
			if err != nil {
				return nil, err
			}
			images = append(images, own...)
		}
	}
	return separate(images), nil
}

// stage sets the build stage as the root of images without a folder, if there
// is one.
func (p *imagePlanner) stage(images []Image) error {
	if p.stages == nil || !p.stages.hasStage() {
		return nil
	}
	for i := range images {
		if images[i].Root != platform.RootDir {
			continue
		}
		file, err := p.stages.dockerfile(images[i].Platform, p.used)
		if diag.IsInvalid(err) {
			for _, d := range diag.Of(err) {
				if !slices.Contains(*p.list, d) {
					*p.list = append(*p.list, d)
				}
			}
			continue
		}
		if err != nil {
			return err
		}
		images[i].Dockerfile = file
		images[i].Stage, _ = p.stages.stageOf(images[i].Platform)
	}
	return nil
}

func (p *imagePlanner) roots(t extension.Target, distros []extension.Distro) ([]string, error) {
	roots := make([]string, len(distros))
	for i, d := range distros {
		var err error
		if roots[i], err = platform.Root(p.dir, t, d); err != nil {
			return nil, err
		}
	}
	return roots, nil
}

// separate returns one image per distro if a platform has several images,
// because the annotations that distinguish them name a single distro.
func separate(images []Image) []Image {
	var out []Image
	count := CountPlatforms(images)
	for _, image := range images {
		if len(image.Distros) < 2 || count[platform.KeyOf(image.Platform)] == 1 {
			out = append(out, image)
			continue
		}
		for _, d := range image.Distros {
			one := image
			one.Distros, one.Platform.OSVersion = []extension.Distro{d}, d.Version
			out = append(out, one)
		}
	}
	return out
}

// CountPlatforms returns the number of images for each platform. Annotations
// distinguish images for the same one.
func CountPlatforms(images []Image) map[platform.Key]int {
	count := map[platform.Key]int{}
	for _, image := range images {
		count[platform.KeyOf(image.Platform)]++
	}
	return count
}

func split(t extension.Target, distros []extension.Distro, roots []string) []Image {
	if len(slices.Compact(slices.Clone(roots))) == 1 {
		return []Image{newImage(t, t.Distros, roots[0])}
	}
	images := make([]Image, len(distros))
	for i, d := range distros {
		images[i] = newImage(t, []extension.Distro{d}, roots[i])
	}
	return images
}

func newImage(t extension.Target, distros []extension.Distro, root string) Image {
	image := Image{Platform: platform.Of(t), Distros: distros, Root: root}
	if len(distros) == 1 {
		image.Platform.OSVersion = distros[0].Version
	}
	return image
}

// fill computes the steps of an image and checks the resulting files. Images
// with the same steps share their files.
func (p *imagePlanner) fill(image *Image, earlier []Image) error {
	steps, err := p.steps(image)
	if err != nil {
		return err
	}
	if p.copied == nil {
		p.copied = map[int][]content.Step{}
	}
	for i, other := range earlier {
		if other.Root == image.Root && other.Dockerfile == image.Dockerfile && other.Stage == image.Stage && reflect.DeepEqual(p.copied[i], steps) && other.Files != nil {
			image.Steps, image.Files = other.Steps, other.Files
			return nil
		}
	}
	p.copied[len(earlier)] = slices.Clone(steps)
	copied := len(steps)
	files, err := p.tree.Apply(steps)
	if err != nil {
		p.list.Errorf(diag.Position{File: p.dir}, "%s: %v", image, err)
		return nil
	}
	// Entry points must be executable. Add a copy only if the mode is wrong,
	// because each copy takes time.
	for _, name := range extension.EntryPoints() {
		if f, ok := files[name]; ok && f.Mode.IsRegular() && f.Mode&0o111 == 0 {
			steps = append(steps, content.Step{Source: f.Source, Dest: name, Exec: true})
		}
	}
	// The descriptor of the extension root replaces one in a platform root.
	descriptor, ok := files[extension.DescriptorFile]
	if text := p.descriptor.Text; text != nil || image.NeedsBuild() || !ok || descriptor.Source != extension.DescriptorFile {
		steps = append(steps, content.Step{Source: extension.DescriptorFile, Dest: extension.DescriptorFile, Text: text})
	}
	image.Steps, image.Files = steps, files
	if len(steps) > copied {
		if image.Files, err = p.tree.Apply(steps); err != nil {
			return err
		}
	}
	p.checkSteps(steps)
	p.leaveOutSockets(image)
	for _, d := range content.Check(p.dir, files) {
		p.report(d)
	}
	return nil
}
