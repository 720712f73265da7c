package bake

import (
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/platform"
)

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
	b.Strings("inherits", w.inherits(content, t.Extension))
	var err error
	switch {
	case t.joined:
		err = b.Expr("contexts", t.links("[platform]"))
	case t.usesStage():
		err = b.ExprMap("contexts", rootContext, `"target:`+matrixName(t)+buildSuffix+`"`)
	}
	if err != nil {
		return err
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

// writeMatrixVariable writes the platforms of t. In the file of an engine they
// are a constant, which the environment cannot override.
func (w *fileWriter) writeMatrixVariable(name string, t Target) error {
	if !w.public {
		w.String(name, matrix(t))
		return nil
	}
	condition, message := matches(platformsPattern, name), name+" must be platforms such as linux/amd64, separated by commas."
	if t.joined || !t.usesStage() && !t.sameFiles() {
		condition, message = `length(setsubtract(split(",", `+name+`), ["`+strings.Join(platformNames(t), `", "`)+`"])) == 0`,
			name+" must be some of "+matrix(t)+", for which there are files."
	}
	return w.writeVariable(name, "Platforms to build, separated by commas", hcl.Text(matrix(t)), condition, message)
}
