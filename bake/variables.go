package bake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/plan"
)

// shared reports whether t builds the platforms of its extension, and not a
// single distro.
func (t Target) shared() bool { return t.Name == baseName(t.Extension) }

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
	w.Comment("Copied files belong to root and have the mode 0755 or 0644, regardless of the checkout.")
	w.String("copy", w.copy)
	w.String("exclude", strings.TrimPrefix(excludes(never), " "))
	w.Comment("Any other output needs rewrite-timestamp=true as well, or layers contain the time of the build.")
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
