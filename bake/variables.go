package bake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// matrix returns the platforms of a target, separated by commas. It is a string
// instead of a list, so that an environment variable can override it.
func matrix(t Target) string { return strings.Join(platformNames(t), ",") }

func platformNames(t Target) []string {
	var names []string
	for _, i := range t.Images {
		if image := t.Extension.Images[i]; !platform.IsZero(image.Platform) {
			names = append(names, platform.Format(image.Platform))
		}
	}
	return names
}

// shared reports whether t builds the platforms of its extension, and not a
// single distro.
func (t Target) shared() bool { return t.Name == baseName(t.Extension) }

// hasMatrix reports whether the platforms of t can be narrowed.
func (t Target) hasMatrix() bool {
	return t.shared() && matrix(t) != "" && !t.Extension.AnyPlatform()
}

// matrices returns the names of the platform matrices: PLATFORMS if all
// extensions share one, else PLATFORMS_<target>.
func matrices(targets []Target) map[string]string {
	named := map[string]string{}
	taken, distinct := map[string]bool{}, map[string]bool{}
	for _, t := range targets {
		if !t.hasMatrix() {
			continue
		}
		distinct[matrix(t)] = true
		name := variableName("PLATFORMS", t.Name, taken)
		taken[name], named[t.Name] = true, name
	}
	if len(distinct) == 1 {
		for name := range named {
			named[name] = "PLATFORMS"
		}
	}
	return named
}

// indexVariable is the variable that decides whether a single platform is in an
// index. Docker Engine loads none from other builders than its own.
const indexVariable = "INDEX"

// variableName returns the name of a variable for a target. Environment
// variables cannot contain "-", so two targets may result in the same name; the
// later one gets a number.
func variableName(prefix, target string, taken map[string]bool) string {
	base := prefix + "_" + strings.ReplaceAll(target, "-", "_")
	name := base
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

// suffixes returns the ends of the names of the variables of each extension,
// which are empty if the file has a single extension.
func suffixes(p *plan.Plan) map[*plan.Extension]string {
	all := map[*plan.Extension]string{}
	if len(p.Extensions) == 1 {
		return all
	}
	taken := map[string]bool{}
	for _, e := range p.Extensions {
		suffix := variableName("", baseName(e), taken)
		taken[suffix], all[e] = true, suffix
	}
	return all
}

// variable returns the name of the variable of an extension.
func (w *fileWriter) variable(prefix string, e *plan.Extension) string { return prefix + w.suffixes[e] }

// versionVariable returns the name of the variable with the version of e, or ""
// if the file is for the version of the plan only: diffIDs depend on it.
func (w *fileWriter) versionVariable(e *plan.Extension) string {
	if _, ok := e.Descriptor.Versioned(""); !ok || !w.public || w.options.DiffIDs != nil {
		return ""
	}
	return w.variable("VERSION", e)
}

// Patterns of the values of variables. They are RE2, and constants, because
// they are written to the file.
const (
	platformsPattern = `^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)+(,[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)+)*$`
	versionPattern   = `^(0|[1-9][0-9]*)([.](0|[1-9][0-9]*)){2}$`
	imagePattern     = `^([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9._/-]+$|^$`
	tagsPattern      = `^[a-zA-Z0-9_./:-]+(,[a-zA-Z0-9_./:-]+)*$|^$`
)

func matches(pattern, variable string) string {
	return `length(regexall("` + pattern + `", ` + variable + `)) > 0`
}

func (w *fileWriter) writeVariables() error {
	w.Newline()
	w.Comment("Copied files belong to root and have the mode 0755 or 0644, whatever the checkout has.")
	w.String("copy", w.copy)
	w.String("exclude", strings.TrimPrefix(excludes(never), " "))
	w.Comment("Any other output needs rewrite-timestamp=true as well, or layers carry the time of the build.")
	w.Strings("output", []string{imageOutput(w.compression())})
	done := map[string]bool{"": true}
	for _, t := range w.targets {
		if name := w.matrices[t.Name]; !done[name] {
			done[name] = true
			if err := w.writeMatrixVariable(name, t); err != nil {
				return err
			}
		}
	}
	if !w.public {
		return nil
	}
	if slices.ContainsFunc(w.targets, w.hasIndex) {
		w.Newline()
		b := w.Block("variable", indexVariable)
		b.String("description", "Whether a single platform has an index, too; false for --load")
		if err := b.Expr("default", "true"); err != nil {
			return err
		}
	}
	for _, e := range w.plan.Extensions {
		if err := w.writeVersion(e); err != nil {
			return err
		}
		if err := w.writeTagVariables(e); err != nil {
			return err
		}
	}
	return nil
}

// writeMatrixVariable writes the platforms of t. In the file of an engine they
// are a constant, which the environment cannot override.
func (w *fileWriter) writeMatrixVariable(name string, t Target) error {
	if !w.public {
		w.String(name, matrix(t))
		return nil
	}
	condition, message := matches(platformsPattern, name), name+" must be platforms such as linux/amd64, separated by commas."
	if !t.usesStage() && !t.sameFiles() {
		condition, message = `length(setsubtract(split(",", `+name+`), ["`+strings.Join(platformNames(t), `", "`)+`"])) == 0`,
			name+" must be some of "+matrix(t)+", for which there are files."
	}
	return w.writeVariable(name, "Platforms to build, separated by commas", hcl.Text(matrix(t)), condition, message)
}

func (w *fileWriter) writeVersion(e *plan.Extension) error {
	name := w.versionVariable(e)
	if name == "" {
		return nil
	}
	return w.writeVariable(name, "Version of "+e.Descriptor.Info.ID, hcl.Text(e.Descriptor.Info.Version), matches(versionPattern, name),
		name+" must be X.Y.Z, three numbers without leading zeros.")
}

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

func (w *fileWriter) writeVariable(name, description string, value hcl.Value, condition, message string) error {
	w.Newline()
	b := w.Block("variable", name)
	b.String("description", description)
	if err := b.Set("default", value); err != nil {
		return err
	}
	v := b.Block("validation")
	v.String("error_message", message)
	return v.Expr("condition", condition)
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

// versionMark returns a version that can be replaced in the references of e, or
// "" if there is none.
func versionMark(e *plan.Extension) (string, error) {
	const mark = "xmajorx.xminorx.xpatchx"
	for _, tag := range e.Tags {
		for part := range strings.SplitSeq(mark, ".") {
			if strings.Contains(tag, part) {
				return "", nil
			}
		}
	}
	_, err := e.TagsOf(mark)
	return mark, err
}

// splice returns text with references to a variable instead of mark, a version,
// and of its parts.
func (w *fileWriter) splice(text, mark, variable string) hcl.Value {
	if variable == "" {
		return hcl.Text(text)
	}
	exprs := []string{variable}
	marks := append([]string{mark}, strings.Split(mark, ".")...)
	for n := range 3 {
		exprs = append(exprs, fmt.Sprintf(`split(".", %s)[%d]`, variable, n))
	}
	var parts []hcl.Value
	for text != "" {
		at, which := len(text), -1
		for n, m := range marks {
			if i := strings.Index(text, m); i >= 0 && i < at {
				at, which = i, n
			}
		}
		parts = append(parts, hcl.Text(text[:at]))
		if which < 0 {
			break
		}
		parts = append(parts, hcl.Expr(exprs[which]))
		text = text[at+len(marks[which]):]
	}
	return hcl.Concat(parts...)
}

// versioned returns a text that depends on the version of e, with references to
// the variable for it.
func (w *fileWriter) versioned(e *plan.Extension, render func(*plan.Extension) (string, error)) (hcl.Value, error) {
	plain, err := render(e)
	variable := w.versionVariable(e)
	if err != nil || variable == "" {
		return hcl.Text(plain), err
	}
	// No prefix of the mark is a suffix of it, so it is found only where it was
	// written.
	mark := "[v]"
	for strings.Contains(plain, mark) {
		mark = "[v" + mark[1:]
	}
	marked, d := *e, *e.Descriptor
	d.Info.Version = mark
	marked.Descriptor = &d
	text, err := render(&marked)
	if err != nil {
		return hcl.Value{}, err
	}
	var parts []hcl.Value
	for i, part := range strings.Split(text, mark) {
		if i > 0 {
			parts = append(parts, hcl.Expr(variable))
		}
		parts = append(parts, hcl.Text(part))
	}
	return hcl.Concat(parts...), nil
}
