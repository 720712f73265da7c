package bake

import (
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
)

// commonName returns the name of the target with what all targets of e have in
// common.
func commonName(e *plan.Extension) string { return "_" + baseName(e) }

// writeCommon writes what all targets of e have in common and, if there is only
// one, its content.
func (w *fileWriter) writeCommon(e *plan.Extension, targets []Target) error {
	context, err := w.contextOf(e)
	if err != nil {
		return err
	}
	metadata, err := w.versioned(e, func(e *plan.Extension) (string, error) { return e.Descriptor.MetadataLabel() })
	if err != nil {
		return err
	}
	w.Newline()
	w.Comment("By this label and annotation, readers of the package recognize the extension.")
	if err := w.Set(w.metadataName(e), metadata); err != nil {
		return err
	}
	w.writeOSVersions(e)
	w.Newline()
	w.Comment("What all targets below have in common.")
	b := w.Block("target", commonName(e))
	if len(w.plan.Extensions) > 1 {
		b.Strings("inherits", []string{sharedTarget})
	}
	text, err := w.versioned(e, func(e *plan.Extension) (string, error) { return description(e), nil })
	if err != nil {
		return err
	}
	if err := b.Set("description", text); err != nil {
		return err
	}
	if isGitFolder(e) {
		b.Comment("With it, BuildKit 0.33 takes no SOURCE_DATE_EPOCH: https://github.com/moby/buildkit/issues/7151.")
	}
	if w.public && e.Remote == "" {
		if patterns, err := content.IgnorePatterns(e.Dir); err == nil && len(patterns) > 0 {
			b.Comment("BuildKit does not read " + content.IgnoreFile + " where this file is used from a Git repository.")
		}
	}
	b.String("context", context)
	args, err := w.commonArgs(e)
	if err != nil {
		return err
	}
	if len(targets) == 1 {
		if err := w.writeContent(b, targets[0], args); err != nil {
			return err
		}
	} else if err := b.Set("args", hcl.Object(args)); err != nil {
		return err
	}
	if err := w.writeLabels(b, e); err != nil {
		return err
	}
	if err := w.writeCommonAnnotations(b, e); err != nil {
		return err
	}
	switch {
	case w.public && w.hasTags(e):
		err = b.Expr("tags", w.tagsExpr(e))
	case len(e.Tags) > 0 && w.hasTags(e):
		b.Strings("tags", e.Tags)
	}
	if err == nil && len(w.plan.Extensions) == 1 {
		writeAttest(b)
	}
	return err
}

// commonArgs returns the build arguments that are the same in all targets of e.
func (w *fileWriter) commonArgs(e *plan.Extension) (map[string]hcl.Value, error) {
	dest, err := w.versioned(e, func(e *plan.Extension) (string, error) { return e.Dest(), nil })
	// rewrite-timestamp clamps timestamps to this one.
	args := map[string]hcl.Value{"DEST": dest, "SOURCE_DATE_EPOCH": hcl.Text("0")}
	if isGitFolder(e) {
		delete(args, "SOURCE_DATE_EPOCH")
	}
	version := w.versionVariable(e)
	if err != nil || version == "" && e.Descriptor.Text == nil {
		return args, err
	}
	text, err := w.versioned(e, func(e *plan.Extension) (string, error) {
		text, ok := e.Descriptor.Versioned(e.Descriptor.Info.Version)
		if !ok {
			text = string(e.Descriptor.Text)
		}
		return strings.TrimSuffix(text, "\n"), nil
	})
	if e.Descriptor.Text == nil {
		text = hcl.If(isVersion(version, e), hcl.Expr("null"), text)
	}
	args["DESCRIPTOR"] = text
	return args, err
}

// isVersion returns the condition that a version variable has its default.
func isVersion(variable string, e *plan.Extension) string {
	return variable + ` == "` + e.Descriptor.Info.Version + `"`
}

// writeLabels writes the labels of all images of e.
func (w *fileWriter) writeLabels(b hcl.Body, e *plan.Extension) error {
	all := map[string]hcl.Value{extension.LabelMetadata: hcl.Expr(w.metadataName(e))}
	for k, v := range e.Labels {
		all[k] = hcl.Text(v)
	}
	if label, ok := w.layersLabel(e); ok {
		all[extension.LabelLayers] = hcl.Text(label)
	}
	return b.Set("labels", hcl.Object(all))
}

func description(e *plan.Extension) string {
	info := e.Descriptor.Info
	if info.Name == "" {
		return info.String()
	}
	return info.String() + ": " + info.Name
}

// metadataName returns the name of the constant with the metadata of e.
func (w *fileWriter) metadataName(e *plan.Extension) string {
	return strings.ToLower(w.variable("METADATA", e))
}
