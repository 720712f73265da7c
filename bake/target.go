package bake

import (
	"maps"
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/plan"
)

// MetadataTarget is the target that docker/metadata-action fills.
const MetadataTarget = "docker-metadata-action"

// sharedTarget is a target with what all extensions of a file have in common. It
// begins with "_", so that buildx does not list it.
const sharedTarget = "_extpack"

func (w *fileWriter) metadataTarget(e *plan.Extension) string {
	if len(w.plan.Extensions) == 1 {
		return MetadataTarget
	}
	return MetadataTarget + "-" + baseName(e)
}

// commonName returns the name of the target with what all targets of e have in
// common, and contentName that of the target with the content of a target that
// has platforms.
func commonName(e *plan.Extension) string { return "_" + baseName(e) }

func (w *fileWriter) contentName(t Target) string {
	if len(w.of[t.Extension]) == 1 {
		return commonName(t.Extension)
	}
	return commonName(t.Extension) + "-files"
}

// writeShared writes what all extensions have in common, if there are several.
func (w *fileWriter) writeShared() {
	if len(w.plan.Extensions) == 1 {
		return
	}
	w.Newline()
	writeAttest(w.Block("target", sharedTarget))
}

func writeAttest(b hcl.Body) { b.Strings("attest", []string{"type=provenance,disabled=true"}) }

// writeOutput writes the output. --push changes only the output that a target
// does not inherit.
func (w *fileWriter) writeOutput(b hcl.Body, e *plan.Extension) error {
	if e.Compression == w.compression() {
		return b.Expr("output", "output")
	}
	b.Strings("output", []string{imageOutput(e.Compression)})
	return nil
}

// compression returns the compression of all extensions, or else the default.
func (w *fileWriter) compression() layer.Compression {
	first := w.plan.Extensions[0].Compression
	for _, e := range w.plan.Extensions {
		if e.Compression != first {
			return layer.Compression{}
		}
	}
	return first
}

// imageOutput returns an output. Layers in the cache may have been compressed in
// another way.
func imageOutput(c layer.Compression) string {
	const output = "type=image,rewrite-timestamp=true,unpack=false"
	if c == (layer.Compression{}) {
		return output
	}
	return output + "," + c.Attributes() + ",force-compression=true,oci-mediatypes=true"
}

func (w *fileWriter) writeExtension(e *plan.Extension) error {
	targets := w.of[e]
	if w.public {
		w.Newline()
		w.Comment("docker/metadata-action sets tags, labels and annotations here.")
		w.EmptyBlock("target", w.metadataTarget(e))
	}
	if err := w.writeCommon(e, targets); err != nil {
		return err
	}
	files := map[string]string{} // Dockerfile → name of the first target with it
	for _, t := range targets {
		if t.usesStage() {
			if err := w.writeStage(t); err != nil {
				return err
			}
		}
		if err := w.writeTarget(t, files); err != nil {
			return err
		}
	}
	return nil
}

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
	w.Comment("What readers of the package know the extension by: a label and an annotation.")
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
	if strings.Contains(e.Remote, "#") && strings.Contains(e.Remote[strings.Index(e.Remote, "#"):], ":") {
		b.Comment("BuildKit 0.33 fails with a folder of a repository: https://github.com/moby/buildkit/issues/7151.")
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

// writeContent writes the Dockerfile of t and its arguments, in addition to
// args.
func (w *fileWriter) writeContent(b hcl.Body, t Target, args map[string]hcl.Value) error {
	d := w.dockerfile(t)
	args = maps.Clone(args)
	if args == nil {
		args = map[string]hcl.Value{}
	}
	for name, value := range d.args {
		args[name] = hcl.Text(value)
	}
	if t.isFresh() {
		args[freshArg] = w.freshValue()
	}
	if t.usesStage() {
		b.Map("contexts", map[string]string{rootContext: "target:" + t.Name + buildSuffix})
	}
	if len(args) > 0 {
		if err := b.Set("args", hcl.Object(args)); err != nil {
			return err
		}
	}
	if err := b.Heredoc("dockerfile-inline", d.parts()...); err != nil {
		return err
	}
	return w.writeCaches(b, t)
}

func (w *fileWriter) writeCaches(b hcl.Body, t Target) error {
	if err := w.writeSpecs(b, "cache-from", t.cachesFrom()); err != nil {
		return err
	}
	return w.writeSpecs(b, "cache-to", t.caches(t.Extension.CacheTo))
}

// dockerfile returns the Dockerfile of a target in the form of the file.
func (w *fileWriter) dockerfile(t Target) *dockerfile {
	d := newDockerfile(t, w.spelling, dockerfileOptions{version: w.versionVariable(t.Extension), labels: w.layersLabels(t)})
	return d
}

// writeTarget writes a target of an extension. files has the targets that were
// written, by their Dockerfile: a later one with the same text inherits it.
func (w *fileWriter) writeTarget(t Target, files map[string]string) error {
	e := t.Extension
	inherits := []string{commonName(e)}
	only := len(w.of[e]) == 1
	content := w.contentName(t)
	if !only && t.hasMatrix() {
		w.Newline()
		w.Comment("The files of the platforms that share a target.")
		b := w.Block("target", content)
		b.Strings("inherits", inherits)
		if err := w.writeContent(b, t, nil); err != nil {
			return err
		}
		inherits = []string{content}
	}
	w.Newline()
	w.Comment(w.about(t))
	b := w.Block("target", t.Name)
	d := w.dockerfile(t)
	same := files[d.String()]
	own := !only && !t.hasMatrix()
	if own && same != "" && w.public && len(d.args) > 0 && !t.usesStage() && len(e.CacheFrom)+len(e.CacheTo) == 0 {
		inherits = []string{same}
	}
	if w.public && inherits[0] != same {
		inherits = append(inherits, w.metadataTarget(e))
	}
	b.Strings("inherits", inherits)
	switch {
	case own && inherits[0] == same:
		b.Map("args", d.args)
	case own:
		if err := w.writeContent(b, t, nil); err != nil {
			return err
		}
		files[d.String()] = t.Name
	case w.hasIndex(t):
		if err := b.ExprMap("args", "BUILDKIT_MULTI_PLATFORM", indexVariable+" ? 1 : 0"); err != nil {
			return err
		}
	}
	built := ""
	if t.hasMatrix() {
		built = `contains(split(",", ` + w.matrices[t.Name] + `), "%s")`
	}
	if err := w.writeTargetAnnotations(b, t, w.hasIndex(t), built); err != nil {
		return err
	}
	if err := w.writePlatforms(b, t); err != nil {
		return err
	}
	if !t.shared() && w.hasTags(e) && inherits[0] != same {
		b.Strings("tags", nil)
	}
	if err := w.writeOutput(b, e); err != nil {
		return err
	}
	return w.writeMatrix(t, content)
}

// hasIndex reports whether the images of t are published in an index.
func (w *fileWriter) hasIndex(t Target) bool {
	return w.public && t.shared() && !t.Extension.AnyPlatform()
}

func (w *fileWriter) about(t Target) string {
	if t.Extension.AnyPlatform() {
		return "One image, for any platform: its config has to name one."
	}
	if t.shared() {
		return "The image of every platform, under one index."
	}
	image := t.Extension.Images[t.Images[0]]
	why := "because bake builds a platform once per target"
	if !t.distro {
		why = "because its files come from " + image.Root
		if t.usesStage() {
			why = "because its files come from " + image.Dockerfile
			if image.Stage != "" {
				why = "because its files come from the stage " + image.Stage + " of " + image.Dockerfile
			}
		}
	}
	return image.String() + ": has a separate target, " + why + ".\n" +
		"\"docker extpack build\" joins the images in one index."
}

func (w *fileWriter) writePlatforms(b hcl.Body, t Target) error {
	if variable := w.matrices[t.Name]; variable != "" {
		all := `split(",", ` + variable + `)`
		if one := w.platformExpr(t.Extension, "p"); one != "p" {
			all = "[for p in " + all + " : " + one + "]"
		}
		return b.Expr("platforms", all)
	}
	if m := matrix(t); m != "" {
		b.Strings("platforms", []string{m})
	}
	return nil
}

// writeMatrix writes the target that builds a single platform. It has no index,
// so that any engine can load it.
func (w *fileWriter) writeMatrix(t Target, content string) error {
	variable := w.matrices[t.Name]
	if variable == "" {
		return nil
	}
	w.Newline()
	w.Comment("The same, one platform at a time, without an index.")
	b := w.Block("target", t.Name+platformSuffix)
	if err := b.ExprMap("matrix", "platform", `split(",", `+variable+`)`); err != nil {
		return err
	}
	if err := b.Expr("name", `"`+matrixName(t)+`"`); err != nil {
		return err
	}
	inherits := []string{content}
	if w.public {
		inherits = append(inherits, w.metadataTarget(t.Extension))
	}
	b.Strings("inherits", inherits)
	if t.usesStage() {
		if err := b.ExprMap("contexts", rootContext, `"target:`+matrixName(t)+buildSuffix+`"`); err != nil {
			return err
		}
	}
	if err := b.Expr("platforms", "["+w.platformExpr(t.Extension, "platform")+"]"); err != nil {
		return err
	}
	b.Strings("tags", nil)
	if err := w.writeOutput(b, t.Extension); err != nil {
		return err
	}
	return w.writeTargetAnnotations(b, t, false, `platform == "%s"`)
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
