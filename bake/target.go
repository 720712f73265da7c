package bake

import (
	"maps"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/plan"
)

// MetadataTarget is the target that docker/metadata-action fills.
const MetadataTarget = "docker-metadata-action"

func (w *fileWriter) metadataTarget(e *plan.Extension) string {
	if len(w.plan.Extensions) == 1 {
		return MetadataTarget
	}
	return MetadataTarget + "-" + baseName(e)
}

// contentName returns the name of the target with the content of t, a target
// that has platforms.
func (w *fileWriter) contentName(t Target) string {
	if len(w.of[t.Extension]) == 1 {
		return commonName(t.Extension)
	}
	return commonName(t.Extension) + "-files"
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
		if err := w.writeStages(t); err != nil {
			return err
		}
		if err := w.writeTarget(t, files); err != nil {
			return err
		}
	}
	return nil
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
	if t.usesStage() && !t.joined {
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
	return newDockerfile(t, w.spelling, dockerfileOptions{version: w.versionVariable(t.Extension), labels: w.layersLabels(t)})
}

// writeTarget writes a target of an extension. files has the targets that were
// written, by their Dockerfile: a later one with the same text inherits it.
func (w *fileWriter) writeTarget(t Target, files map[string]string) error {
	e := t.Extension
	content, several := w.contentName(t), len(w.of[e]) > 1
	if several && t.hasMatrix() {
		if err := w.writeFiles(t, content); err != nil {
			return err
		}
	}
	w.Newline()
	w.Comment(w.about(t))
	b := w.Block("target", t.Name)
	twin := ""
	var err error
	if several && !t.hasMatrix() {
		twin, err = w.writeOwnFiles(b, t, files)
	} else {
		b.Strings("inherits", w.inherits(content, e))
		if w.hasIndex(t) {
			err = b.ExprMap("args", "BUILDKIT_MULTI_PLATFORM", indexVariable+" ? 1 : 0")
		}
	}
	if err == nil && t.joined {
		b.Comment("buildx links targets on one node only. With several nodes, build the targets below.")
		err = b.Expr("contexts", t.links(`split(",", `+w.matrices[t.Name]+`)`))
	}
	if err != nil {
		return err
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
	if !t.shared() && w.hasTags(e) && twin == "" {
		b.Strings("tags", nil)
	}
	if err := w.writeOutput(b, e); err != nil {
		return err
	}
	return w.writeMatrix(t, content)
}

// writeFiles writes the target with the content of t.
func (w *fileWriter) writeFiles(t Target, name string) error {
	w.Newline()
	w.Comment("The files of the platforms that share a target.")
	b := w.Block("target", name)
	b.Strings("inherits", []string{commonName(t.Extension)})
	return w.writeContent(b, t, nil)
}

// writeOwnFiles writes the content of a target that shares it with no other. It
// returns the name of an earlier target with the same Dockerfile, which t
// inherits then, or "".
func (w *fileWriter) writeOwnFiles(b hcl.Body, t Target, files map[string]string) (twin string, err error) {
	d := w.dockerfile(t)
	cached := len(t.Extension.CacheFrom)+len(t.Extension.CacheTo) > 0
	if w.public && len(d.args) > 0 && !t.usesStage() && !cached {
		twin = files[d.String()]
	}
	if twin != "" {
		b.Strings("inherits", []string{twin})
		b.Map("args", d.args)
		return twin, nil
	}
	b.Strings("inherits", w.inherits(commonName(t.Extension), t.Extension))
	files[d.String()] = t.Name
	return "", w.writeContent(b, t, nil)
}

// inherits returns what a target of e that is built inherits.
func (w *fileWriter) inherits(name string, e *plan.Extension) []string {
	if !w.public {
		return []string{name}
	}
	return []string{name, w.metadataTarget(e)}
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
