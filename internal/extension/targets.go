package extension

import (
	"fmt"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
)

// token matches variants and the parts of a distribution, which become folder
// names and names in the generated build. os-release(5) is stricter for ID and
// VERSION_ID.
var token = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._+~-]*$`)

// targets reads [[targets]] of extension.toml or package.toml. Those of
// package.toml select what to build and must be complete.
func (r *reader) targets(root *table, complete bool) []Target {
	var out []Target
	seen := map[string]diag.Position{}
	for _, t := range root.children("targets") {
		target := r.target(t)
		if complete {
			r.checkComplete(t)
		}
		t.unknown()
		if target.OS != "" && target.Arch != "" {
			r.checkTwice(target, seen)
		}
		out = append(out, target)
	}
	return out
}

// target reads one [[targets]]. Invalid parts are left empty.
func (r *reader) target(t *table) Target {
	target := Target{Position: t.position()}
	os, arch := t.text("os"), t.text("arch")
	if os != nil {
		target.OS = r.checkOS(os)
	}
	if arch != nil {
		target.Arch = r.checkArch(arch)
	}
	if target.OS != "" && target.Arch != "" && !slices.Contains(goPlatforms, target.OS+"/"+target.Arch) {
		r.report(rules.TargetToolchain, arch.Position, "no toolchain is known for %s/%s", target.OS, target.Arch)
	}
	if e := r.variant(t); e != nil {
		target.Variant = r.checkVariant(e, target.Arch)
	}
	if e := t.text("path"); e != nil {
		target.Path, target.PathPosition = r.checkPath(targetPath, e), e.Position
	}
	target.Distros = r.distros(t, target.OS)
	return target
}

func (r *reader) checkOS(e *Entry) string {
	if !slices.Contains(knownOS, e.Value) {
		r.report(rules.TargetPlatform, e.Position, "unknown os %s%s", quote(e.Value), suggestOS(e.Value)).Hint = wildcardHint(e.Value)
		r.editAlias(e, osAlias(e.Value))
		return ""
	}
	return e.Value
}

func (r *reader) checkArch(e *Entry) string {
	if !slices.Contains(knownArch, e.Value) {
		r.report(rules.TargetPlatform, e.Position, "unknown arch %s%s", quote(e.Value), suggestArch(e.Value)).Hint = wildcardHint(e.Value)
		r.editAlias(e, archAlias(e.Value))
		return ""
	}
	return e.Value
}

// editAlias makes the last finding fixable if name is an alias.
func (r *reader) editAlias(e *Entry, name string) {
	if name != "" {
		r.list[len(r.list)-1].Edit = &diag.Edit{Old: `"` + e.Value + `"`, New: `"` + name + `"`}
	}
}

const onePlatform = "an image has exactly one platform: add one [[targets]] for each"

func wildcardHint(value string) string {
	if value == "*" || value == "" || value == "any" || value == "all" {
		return onePlatform
	}
	return ""
}

// checkComplete reports targets without os or arch.
func (r *reader) checkComplete(t *table) {
	var missing []string
	for _, name := range []string{"os", "arch"} {
		if !t.has(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		r.report(rules.TargetPlatform, t.position(), "missing %s%s", strings.Join(missing, " and "), t.in()).Hint = onePlatform
	}
}

// variant reads the key under both names: variant in the specification and
// pack, arch-variant in the lifecycle. A file may have both.
func (r *reader) variant(t *table) *Entry {
	pack, lifecycle := t.text("variant"), t.text("arch-variant")
	if pack == nil && lifecycle != nil {
		r.report(rules.TargetVariant, t.keyPosition("arch-variant"), `arch-variant%s is read by the lifecycle only (did you mean "variant"?)`, t.in()).Edit = &diag.Edit{Old: "arch-variant", New: fmt.Sprintf("variant = %q\narch-variant", lifecycle.Value)}
	}
	if pack == nil {
		return lifecycle
	}
	if lifecycle != nil && lifecycle.Value != pack.Value {
		r.report(rules.TargetPlatform, lifecycle.Position, "arch-variant %s contradicts variant %s", quote(lifecycle.Value), quote(pack.Value))
	}
	return pack
}

func (r *reader) checkVariant(e *Entry, arch string) string {
	known := knownVariants[arch]
	switch {
	case e.Value == "":
		return ""
	case arch != "" && known != nil && !slices.Contains(known, e.Value):
		r.report(rules.TargetPlatform, e.Position, "unknown variant %s of %s%s", quote(e.Value), arch, suggest(e.Value, known)).Hint =
			"supported: " + strings.Join(known, ", ")
		return ""
	case !token.Get().MatchString(e.Value):
		r.report(rules.TargetPlatform, e.Position, "variant %s may contain only letters, digits and . _ + ~ -", quote(e.Value))
		return ""
	case arch != "" && known == nil:
		r.report(rules.TargetToolchain, e.Position, "no variants are known of %s, found %s", arch, quote(e.Value))
	}
	return e.Value
}

// distros reads [[targets.distros]], which is called [[targets.distributions]]
// in drafts and examples of RFC 0096 and RFC 0128.
func (r *reader) distros(t *table, os string) []Distro {
	tables := t.children("distros")
	old := t.children("distributions")
	if len(old) > 0 {
		r.report(rules.OldSpelling, t.keyPosition("distributions"), `distributions%s is an old spelling that other tools ignore (did you mean "distros"?)`, t.in()).Edit = &diag.Edit{Old: "distributions", New: "distros"}
	}
	var out []Distro
	for _, d := range append(tables, old...) {
		out = append(out, r.distro(d, os)...)
		d.unknown()
	}
	return out
}

// distro returns one Distro, or several for the old list of versions.
func (r *reader) distro(t *table, os string) []Distro {
	name, version, versions := t.text("name"), t.text("version"), t.texts("versions")
	r.checkDistroKeys(t, os)
	d := Distro{Name: r.checkToken("name", name), Version: r.checkToken("version", version)}
	var out []Distro
	if version != nil || len(versions) == 0 {
		out = append(out, d)
	}
	for i := range versions {
		out = append(out, Distro{Name: d.Name, Version: r.checkToken("versions", &versions[i])})
	}
	return out
}

func (r *reader) checkDistroKeys(t *table, os string) {
	noName := t.lacks("name")
	hasVersion := !t.lacks("version") || t.has("versions")
	switch {
	case noName && !hasVersion:
		r.report(rules.TargetDistro, t.position(), "missing name and version in %s", t)
	case noName && os != "windows" && os != "":
		// Only Windows may have a version without a name.
		r.report(rules.TargetDistro, t.position(), "missing name in %s", t).Hint = "add the ID of the distribution's /etc/os-release, such as name = \"ubuntu\""
	case !hasVersion:
		r.report(rules.DistroSpelling, t.position(), "missing version in %s: it matches every version", t)
	}
	if t.has("versions") {
		r.report(rules.OldSpelling, t.keyPosition("versions"), `versions in %s is an old spelling that other tools ignore: write a separate table for each version`, t)
	}
}

func (r *reader) checkToken(what string, e *Entry) string {
	if e == nil || e.Value == "" {
		return ""
	}
	if !token.Get().MatchString(e.Value) {
		r.report(rules.TargetDistro, e.Position, "distribution %s %s may contain only letters, digits and . _ + ~ -", what, quote(e.Value))
		return ""
	}
	return e.Value
}

// checkTwice reports a duplicate target: both would be the same image of the
// index.
func (r *reader) checkTwice(t Target, seen map[string]diag.Position) {
	p := normalize(t.OS, t.Arch, t.Variant)
	distros := t.Distros
	if len(distros) == 0 {
		distros = []Distro{{}}
	}
	for _, d := range distros {
		id := strings.TrimSpace(fmt.Sprintf("%s/%s %s", p.OS, strings.TrimSuffix(p.Architecture+"/"+p.Variant, "/"), d))
		first, ok := seen[id]
		if ok {
			r.report(rules.TargetDuplicate, t.Position, "target %s is specified twice, first at line %d", id, first.Line)
			continue
		}
		seen[id] = t.Position
	}
}
