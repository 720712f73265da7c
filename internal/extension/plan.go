package extension

import (
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// ParsePlan returns the problems of a build plan of an extension. file is its
// name in messages. Format: Buildpack Interface Specification, "Build Plan
// (TOML)".
func ParsePlan(file string, data []byte) diag.List {
	r := newReader(file, data)
	r.syntax, r.types, r.unknown = rules.PlanTOML, rules.PlanTOML, rules.PlanKey
	if root := r.root(); root != nil {
		r.planSections(root)
		root.fold("or")
		for _, t := range root.children("or") {
			r.planSections(t)
			t.unknown()
		}
		root.unknown()
	}
	list, _ := r.result()
	return list
}

// Provides returns the names that a build plan provides, each once. Alternatives
// under or are not included: a lifecycle tries them if the others are not
// required.
func Provides(data []byte) []string {
	root := newReader("", data).root()
	if root == nil {
		return nil
	}
	root.fold("provides")
	var names []string
	for _, p := range root.children("provides") {
		p.fold("name")
		if e := p.text("name"); e != nil && e.Value != "" && !slices.Contains(names, e.Value) {
			names = append(names, e.Value)
		}
	}
	return names
}

func (r *reader) planSections(t *table) {
	t.fold("provides", "requires")
	for _, p := range t.children("provides") {
		p.fold("name")
		if e := p.text("name"); e == nil || e.Value == "" {
			r.report(rules.PlanProvides, p.position(), "missing name in %s", p)
		}
		p.unknown()
	}
	requires := t.children("requires")
	if len(requires) > 0 {
		r.report(rules.PlanRequires, requires[0].position(), "extensions may not require, found requires%s", t.in())
	}
	for _, p := range requires {
		p.fold("name", "version", "metadata")
		p.text("name")
		p.text("version")
		p.child("metadata")
		p.unknown()
	}
}

// reservedArgs are the build arguments that the lifecycle sets.
var reservedArgs = []string{"build_id", "user_id", "group_id"}

// ParseExtendConfig returns the problems of an extend-config.toml. file is its
// name in messages. Format: Image Extension Specification, "extend-config.toml
// (TOML)".
func ParseExtendConfig(file string, data []byte) diag.List {
	r := newReader(file, data)
	r.syntax, r.types, r.unknown = rules.ConfigTOML, rules.ConfigTOML, rules.ConfigKey
	if root := r.root(); root != nil {
		root.fold("build", "run")
		for _, name := range []string{"build", "run"} {
			if t := root.child(name); t != nil {
				r.extendArgs(t)
				t.unknown()
			}
		}
		root.unknown()
	}
	list, _ := r.result()
	return list
}

func (r *reader) extendArgs(t *table) {
	t.fold("args")
	for _, arg := range t.children("args") {
		arg.fold("name", "value")
		name, value := arg.text("name"), arg.text("value")
		var missing []string
		if name == nil || name.Value == "" {
			missing = append(missing, "name")
		}
		if value == nil && !arg.has("value") {
			missing = append(missing, "value")
		}
		if len(missing) > 0 {
			r.report(rules.ConfigArg, arg.position(), "missing %s in %s", strings.Join(missing, " and "), arg)
		}
		for _, reserved := range reservedArgs {
			if name != nil && name.Value == reserved {
				r.report(rules.ConfigReserved, name.Position, "the argument %s is set by the lifecycle", reserved)
			}
		}
		arg.unknown()
	}
}

// fold renames keys that differ from names only in case, because the TOML
// library of the lifecycle ignores case.
func (t *table) fold(names ...string) {
	for _, name := range names {
		for _, k := range t.node.keys {
			if k.name != name && t.node.index[name] == nil && strings.EqualFold(k.name, name) {
				t.node.index[name] = k
				t.known = append(t.known, k.name)
			}
		}
	}
}
