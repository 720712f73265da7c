package bake

import (
	"slices"
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/plan"
)

// writeTagVariables writes the variables for the references to push. Images of
// an extension whose targets are all separate have none.
func (w *fileWriter) writeTagVariables(e *plan.Extension) error {
	if !w.hasTags(e) {
		return nil
	}
	image, tags, err := w.references(e)
	if err != nil {
		return err
	}
	name := w.variable("IMAGE", e)
	if err := w.writeVariable(name, "Repository to push to, such as ghcr.io/acme/NAME", image, matches(imagePattern, name),
		name+" must be a repository without a tag."); err != nil {
		return err
	}
	name = w.variable("TAGS", e)
	return w.writeVariable(name, "Tags of "+w.variable("IMAGE", e)+", or complete references, separated by commas", tags, matches(tagsPattern, name),
		name+" must be tags or references, separated by commas.")
}

// hasTags reports whether a target of e builds all of its images, which is then
// the one that has tags.
func (w *fileWriter) hasTags(e *plan.Extension) bool {
	return slices.ContainsFunc(w.of[e], Target.shared)
}

// tagsExpr is the expression of the references of an extension.
func (w *fileWriter) tagsExpr(e *plan.Extension) string {
	image, tags := w.variable("IMAGE", e), w.variable("TAGS", e)
	return `[for tag in compact(split(",", ` + tags + `)) : length(regexall(":", tag)) > 0 ? tag : "${` + image + `}:${tag}" if ` + image + ` != ""]`
}

// references returns the default values of IMAGE and TAGS.
func (w *fileWriter) references(e *plan.Extension) (image, tags hcl.Value, err error) {
	version := w.versionVariable(e)
	if len(e.Tags) == 0 {
		return hcl.Text(""), w.splice(e.Descriptor.Info.Version, e.Descriptor.Info.Version, version), nil
	}
	mark, err := versionMark(e)
	if err != nil {
		return image, tags, err
	}
	if version == "" || mark == "" {
		mark = e.Descriptor.Info.Version
		version = ""
	}
	forms, err := e.TagsOf(mark)
	if err != nil {
		return image, tags, err
	}
	repository := ""
	var parts []hcl.Value
	for i, form := range forms {
		at := strings.LastIndex(form, ":")
		if i == 0 {
			repository = form[:at]
		} else {
			parts = append(parts, hcl.Text(","))
		}
		if form[:at] == repository {
			form = form[at+1:]
		}
		parts = append(parts, w.splice(form, mark, version))
	}
	return w.splice(repository, mark, version), hcl.Concat(parts...), nil
}
