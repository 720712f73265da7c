package bake

import (
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// CheckComplete returns a [*diag.InvalidError] for an extension whose images
// plain buildx cannot annotate: the platform of an annotation is without
// os.version, in buildx (util/buildflags, ParseAnnotations) and in BuildKit
// (exporter/containerimage/exptypes, ParseAnnotationKey).
func CheckComplete(p *plan.Plan) error {
	var list diag.List
	for _, e := range p.Extensions {
		pos := diag.Position{File: e.Descriptor.File}
		for _, t := range extensionTargets(e) {
			image := e.Images[t.Images[0]]
			if t.distro {
				list.Errorf(pos, "a complete bake file is not possible: %s has several images for %s, and buildx cannot annotate them separately",
					e.Descriptor.Info, platform.Format(image.Platform)).Hint = "publish with docker extpack build, or name one distro for each platform with --target"
				break // one reason is enough
			}
		}
		for _, a := range e.Placed {
			if a.Image != nil && hasOSVersion(e, *a.Image) {
				list.Errorf(pos, "a complete bake file is not possible: the annotation %s of %s is for a platform with an os.version, which buildx does not support in annotations",
					a, e.Descriptor.Info).Hint = "publish with docker extpack build, or annotate all platforms"
			}
		}
	}
	return list.Err()
}

func hasOSVersion(e *plan.Extension, want platform.Identity) bool {
	return slices.ContainsFunc(e.Images, func(i plan.Image) bool {
		return i.Platform.OSVersion != "" && i.Identity().Matches(want)
	})
}

// osVersions returns the platforms of a complete file whose images have an
// os.version, in the form with it. docker extpack annotate adds it to others.
func (w *fileWriter) osVersions(e *plan.Extension) map[string]string {
	all := map[string]string{}
	for _, image := range e.Images {
		if w.options.DiffIDs != nil && image.Platform.OSVersion != "" {
			all[platform.Format(image.Platform)] = platforms.FormatAll(image.Platform)
		}
	}
	return all
}

// osVersionName returns the name of the constant with the osVersions of e.
func (w *fileWriter) osVersionName(e *plan.Extension) string {
	return strings.ToLower(w.variable("OS_VERSION", e))
}

// writeOSVersions writes the platforms with an os.version.
func (w *fileWriter) writeOSVersions(e *plan.Extension) {
	if all := w.osVersions(e); len(all) > 0 {
		w.Newline()
		w.Comment("The os.version of images. Before 0.37, buildx leaves it out.")
		w.Map(w.osVersionName(e), all)
	}
}

// platformExpr returns the expression of a platform in buildx's form for name, a
// variable with a platform.
func (w *fileWriter) platformExpr(e *plan.Extension, name string) string {
	if len(w.osVersions(e)) == 0 {
		return name
	}
	return "lookup(" + w.osVersionName(e) + ", " + name + ", " + name + ")"
}

// layersLabel returns the label with the layer of e if it is the same for all
// images.
func (w *fileWriter) layersLabel(e *plan.Extension) (string, bool) {
	ids := w.options.DiffIDs[e]
	if len(ids) == 0 || slices.ContainsFunc(ids, func(id digest.Digest) bool { return id != ids[0] }) {
		return "", false
	}
	label, err := e.Descriptor.LayersLabel(ids[0].String())
	return label, err == nil
}

// layersLabels returns the labels with the layers of the images of t, by image,
// if they differ.
func (w *fileWriter) layersLabels(t Target) map[int]string {
	ids := w.options.DiffIDs[t.Extension]
	if len(ids) == 0 {
		return nil
	}
	if _, same := w.layersLabel(t.Extension); same {
		return nil
	}
	all := map[int]string{}
	for _, i := range t.Images {
		label, err := t.Extension.Descriptor.LayersLabel(ids[i].String())
		if err == nil {
			all[i] = label
		}
	}
	return all
}
