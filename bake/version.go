package bake

import (
	"fmt"
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/plan"
)

// versionVariable returns the name of the variable with the version of e, or ""
// if the file is for the version of the plan only: diffIDs depend on it.
func (w *fileWriter) versionVariable(e *plan.Extension) string {
	if _, ok := e.Descriptor.Versioned(""); !ok || !w.public || w.options.DiffIDs != nil {
		return ""
	}
	return w.variable("VERSION", e)
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

func (w *fileWriter) writeVersion(e *plan.Extension) error {
	name := w.versionVariable(e)
	if name == "" {
		return nil
	}
	return w.writeVariable(name, "Version of "+e.Descriptor.Info.ID, hcl.Text(e.Descriptor.Info.Version), matches(versionPattern, name),
		name+" must be X.Y.Z, three numbers without leading zeros.")
}
