package bake

import (
	"fmt"
	"maps"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// writeCommonAnnotations writes the annotations of all images of e.
func (w *fileWriter) writeCommonAnnotations(b hcl.Body, e *plan.Extension) error {
	if !w.public {
		return nil // package annotate adds annotations to the images of an engine
	}
	var list []hcl.Value
	if e.AnyPlatform() { // there is no index that could have them
		var err error
		if list, err = w.knownAnnotations(e, annotation.Manifest); err != nil {
			return err
		}
	}
	for _, a := range e.Placed {
		if a.Image == nil && (a.Place == annotation.Manifest || a.Place == annotation.ManifestDescriptor) {
			list = append(list, hcl.Text(a.Buildx()))
		}
	}
	if len(list) == 0 {
		return nil
	}
	return b.Set("annotations", hcl.Lines(list...))
}

// writeTargetAnnotations writes the annotations that not all targets of an
// extension have: those of the index, and those of a platform if the expression
// built, a format for it, is true. BuildKit refuses both where there is no such
// index or image, and buildx appends annotations to inherited ones.
func (w *fileWriter) writeTargetAnnotations(b hcl.Body, t Target, index bool, built string) error {
	if !w.public {
		return nil
	}
	var list []hcl.Value
	if index {
		var err error
		if list, err = w.knownAnnotations(t.Extension, annotation.Index); err != nil {
			return err
		}
	}
	var lists []hcl.Value
	for _, a := range t.Extension.Placed {
		switch {
		case a.Image == nil && a.Place == annotation.IndexDescriptor && index:
			list = append(list, hcl.Text(a.Buildx()))
		case a.Image == nil || !t.makes(*a.Image):
		case built == "":
			list = append(list, hcl.Text(a.Buildx()))
		default:
			lists = append(lists, hcl.Filter(hcl.List(hcl.Text(a.Buildx())), fmt.Sprintf(built, platform.Format(a.Image.Platform()))))
		}
	}
	whole := hcl.Lines(list...)
	if index {
		whole = hcl.Filter(whole, indexVariable)
	}
	switch {
	case len(lists) > 0:
		return b.Set("annotations", hcl.Call("concat", append([]hcl.Value{whole}, lists...)...))
	case len(list) > 0:
		return b.Set("annotations", whole)
	}
	return nil
}

// makes reports whether one of the images of t is what an identity names.
func (t Target) makes(want platform.Identity) bool {
	return slices.ContainsFunc(t.Images, func(i int) bool { return t.Extension.Images[i].Identity().Matches(want) })
}

// knownAnnotations returns the annotations that docker extpack build writes.
func (w *fileWriter) knownAnnotations(e *plan.Extension, place annotation.Place) ([]hcl.Value, error) {
	all, err := e.IndexAnnotations(plan.DefaultCreated)
	if err != nil {
		return nil, err
	}
	var list []hcl.Value
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := hcl.Text(all[key])
		_, own := e.Annotations[key]
		switch {
		case own:
		case key == extension.LabelMetadata:
			value = hcl.Expr(w.metadataName(e))
		case key == extension.AnnotationVersion || key == v1.AnnotationVersion:
			value, err = w.versioned(e, func(e *plan.Extension) (string, error) {
				all, err := e.IndexAnnotations(plan.DefaultCreated)
				return all[key], err
			})
			if err != nil {
				return nil, err
			}
		}
		list = append(list, hcl.Concat(hcl.Text(string(place)+":"+key+"="), value))
	}
	return list, nil
}
