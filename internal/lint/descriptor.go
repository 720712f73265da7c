package lint

import (
	"strings"

	"github.com/github/go-spdx/v2/spdxexp"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
)

// registryID is an id that the CNB registry takes: a namespace and a name.
// Source: Buildpack Registry Specification, and RFC 0022.
var registryID = lazyregexp.New(`^[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*$`)

// Descriptor returns what could be better in a descriptor that can be used.
// What is wrong with it package extension reports.
func Descriptor(d *extension.Descriptor) diag.List {
	var list diag.List
	whole := diag.Position{File: d.File}
	report := func(rule *rules.Rule, pos diag.Position, format string, args ...any) {
		list = append(list, rule.At(pos, format, args...))
	}
	if !registryID.Get().MatchString(d.Info.ID) {
		report(rules.IDRegistry, whole, "id %q is not valid in the CNB registry, which requires NAMESPACE/NAME in lower case", d.Info.ID)
	}
	for _, l := range d.Info.Licenses {
		if ok, _ := spdxexp.ValidateLicenses([]string{l.Type}); l.Type != "" && !ok {
			report(rules.LicenseSPDX, whole, "license type %q is not an SPDX license expression", l.Type)
		}
	}
	if d.Info.ClearEnv {
		report(rules.DeprecatedKey, whole, "clear-env is for buildpacks")
	}
	if len(d.Targets) == 0 {
		report(rules.TargetsMissing, whole, "missing [[targets]]")
	}
	for _, t := range d.Targets {
		if t.OS == "windows" {
			report(rules.TargetWindows, t.Position, "extensions are not supported on Windows")
		}
		for _, distro := range t.Distros {
			switch {
			case t.OS == "windows" && distro.Name != "":
				report(rules.TargetWindows, t.Position, "Windows has no distro, found %q", distro.Name)
			case distro.String() != strings.ToLower(distro.String()):
				report(rules.DistroSpelling, t.Position, "distro %s is not in lower case as in os-release", distro)
			}
		}
	}
	return list
}
