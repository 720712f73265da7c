package bake

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/text"
)

// ours are the attributes that carry the plan, with the flag that sets each.
var ours = map[string]string{
	"output": "-o or --push", "outputs": "-o or --push", "platform": "--target", "platforms": "--target", "tags": "--tag",
	"push": "--push", "load": "--load", "labels": "--label", "annotations": "--annotation", "call": "\"docker buildx bake --call\"",
	"context": "a folder argument", "dockerfile": "platform folders", "dockerfile-inline": "platform folders", "target": "platform folders",
}

// planArg matches the build arguments that carry paths.
var planArg = regexp.MustCompile(`^(DEST|DESCRIPTOR|ROOT(_.*)?|FILE_[0-9]+)$`)

// setKeys are the other attributes that buildx 0.37 lets --set override; true
// for those that take a name.
var setKeys = map[string]bool{
	"args": true, "attest": false, "cache-from": false, "cache-to": false, "contexts": true, "entitlements": false,
	"extra-hosts": true, "network": false, "no-cache": false, "no-cache-filter": false, "policy": false, "pull": false,
	"resources": true, "secret": true, "secrets": false, "shm-size": false, "ssh": false, "ulimits": false,
}

const setForm = "write it as TARGET.KEY=VALUE"

// CheckSet refuses overrides that would build something else than what is then
// verified and published, and those that buildx does not know, as a
// [*diag.InvalidError].
func CheckSet(set []string) error {
	for _, s := range set {
		_, attribute, name, _ := splitSet(s)
		if flag, ok := ours[attribute]; ok {
			return diag.WithHint(diag.Invalidf("--set %s: %s is decided by docker extpack", s, attribute), "use "+flag+" instead")
		}
		if attribute == "args" && planArg.MatchString(name) {
			return diag.WithHint(diag.Invalidf("--set %s: the argument %s is decided by docker extpack", s, name), "change the folders of the extension instead")
		}
	}
	return CheckSetForm(set)
}

// CheckSetForm refuses overrides that buildx does not know.
func CheckSetForm(set []string) error {
	for _, s := range set {
		target, attribute, name, value := splitSet(s)
		takesName, ok := setKeys[attribute]
		if _, decided := ours[attribute]; decided {
			takesName, ok = attribute == "labels", true
		}
		switch {
		case target == "" || attribute == "":
			return diag.WithHint(diag.Invalidf("--set %q names no target and key", s), setForm)
		case !ok:
			return unsupported("--set "+s+": the key", attribute, slices.Sorted(maps.Keys(setKeys)))
		case takesName && name == "":
			return diag.WithHint(diag.Invalidf("--set %s: %s takes a name", s, attribute), fmt.Sprintf("write it as TARGET.%s.NAME=VALUE", attribute))
		case !strings.Contains(s, "=") && attribute != "args":
			return diag.WithHint(diag.Invalidf("--set %s has no value", s), setForm)
		case attribute == "no-cache" || attribute == "pull":
			if _, err := strconv.ParseBool(value); err != nil {
				return diag.WithHint(diag.Invalidf("--set %s: %q is not a boolean", s, value), "use true or false")
			}
		}
	}
	return nil
}

// splitSet splits TARGET.KEY[.NAME][+]=VALUE.
func splitSet(s string) (target, key, name, value string) {
	path, value, _ := strings.Cut(s, "=")
	target, key, _ = strings.Cut(strings.TrimSuffix(path, "+"), ".")
	key, name, _ = strings.Cut(key, ".")
	return target, key, name, value
}

// CheckSetTargets refuses overrides of targets that the plan's bake file does
// not have.
func CheckSetTargets(p *plan.Plan, set []string) error {
	if len(set) == 0 {
		return nil
	}
	targets, err := Targets(p)
	if err != nil {
		return err
	}
	var known []string
	for _, e := range p.Extensions {
		own := slices.DeleteFunc(slices.Clone(targets), func(t Target) bool { return t.Extension != e })
		known = append(known, names(e, own)...)
	}
	// The block of a matrix is no target, only what it makes is.
	known = slices.DeleteFunc(known, func(name string) bool { return strings.HasSuffix(name, platformSuffix) })
	for _, s := range set {
		pattern, _, _ := strings.Cut(s, ".")
		found := slices.ContainsFunc(known, func(name string) bool {
			ok, err := path.Match(pattern, name)
			return name == pattern || err == nil && ok
		})
		if found {
			continue
		}
		return unsupported("--set "+s+": the target", pattern, known)
	}
	return nil
}

// ProgressModes are the values of --progress.
var ProgressModes = []string{"auto", "plain", "tty", "rawjson", "quiet"}

// CheckProgress refuses a mode that buildx does not know; "" is its default.
func CheckProgress(mode string) error {
	if mode == "" || slices.Contains(ProgressModes, mode) {
		return nil
	}
	return unsupported("--progress", mode, ProgressModes)
}

// unsupported returns the error for a word that is none of known.
func unsupported(what, word string, known []string) error {
	meant := ""
	if match := text.Closest(word, known); match != "" {
		meant = fmt.Sprintf(" (did you mean %q?)", match)
	}
	return diag.WithHint(diag.Invalidf("%s %q does not exist%s", what, word, meant), "the choices are "+strings.Join(known, ", "))
}
